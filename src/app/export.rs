//! `collect export`: figures in the formats of other tools.

use super::ExitStatus;
use super::stored::{joined, meant};
use crate::cli::{ExportArgs, ExportFormat};
use crate::config::plural;
use crate::error::Error;
use crate::export::Format;
use crate::figures::Direction;
use crate::records::Figures;
use crate::reporter::console::Console;
use crate::results::FiguresError;

/// Prints the figures.
pub(super) fn export(args: &ExportArgs, console: &Console) -> Result<ExitStatus, Error> {
    let stored = meant(&args.results, &args.output, console)?;
    let figures = match stored.as_slice() {
        // With the verdicts, which a join does not keep.
        [only] => Some(only.figures.clone()),
        stored => joined(stored, Figures::clone)?,
    };
    let figures = figures.ok_or_else(|| FiguresError::None(args.results.clone().into()))?;
    let format = format(args);
    let text = format.write(&figures).map_err(|source| Error::System {
        what: "writing JSON",
        source: source.into(),
    })?;
    console.print(&text);
    if let Format::GithubActionBenchmark(better) = format {
        let other = figures
            .figures
            .iter()
            .filter(|figure| figure.better != better);
        let (count, option) = match better {
            Direction::Less => (other.count(), "more"),
            Direction::More => (other.count(), "less"),
        };
        if count > 0 {
            console.note(&format!(
                "left out: {} of which {option} is better; `--better {option}` prints that",
                plural(count, "figure")
            ));
        }
    }
    Ok(ExitStatus::Passed)
}

fn format(args: &ExportArgs) -> Format {
    match args.format {
        ExportFormat::Bmf => Format::Bmf,
        ExportFormat::BmfV1 => Format::BmfV1,
        ExportFormat::GithubActionBenchmark => Format::GithubActionBenchmark(args.better.into()),
        ExportFormat::Openmetrics => Format::OpenMetrics,
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Json => Format::Json,
    }
}

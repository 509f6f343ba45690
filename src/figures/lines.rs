//! Lines `name: value unit`, the simplest form.

use super::sheet::{Fault, Sheet, number};
use super::unit::Unit;
use super::{Options, Position};

/// A line that has a figure.
struct Line<'a> {
    name: &'a str,
    value: f64,
    unit: &'a str,
}

/// Reads a value a line; lines with one name are repetitions. Empty lines and those with a `#` in front are passed over.
pub(super) fn read(text: &str, options: &Options, sheet: &mut Sheet) {
    for (index, line) in text.lines().enumerate() {
        if is_empty(line) {
            continue;
        }
        let position = Position::line(index + 1);
        match parse(line) {
            Ok(Line { name, value, unit }) => {
                let unit = if unit.is_empty() {
                    options.unit.as_deref().unwrap_or_default()
                } else {
                    unit
                };
                sheet.enter(&position, name, &Unit::parse(unit), &[value]);
            }
            Err(reason) => sheet.refuse(position, reason),
        }
    }
}

/// Whether all of a text are such lines.
pub(super) fn fits(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !is_empty(line)).peekable();
    lines.peek().is_some() && lines.all(|line| parse(line).is_ok())
}

/// The first line that is none, in a text that has such lines.
pub(super) fn misfit(text: &str) -> Option<Fault> {
    let numbered = text.lines().enumerate();
    let lines = numbered.filter(|(_, line)| !is_empty(line));
    lines.clone().find(|(_, line)| parse(line).is_ok())?;
    let mut faults = lines.filter_map(|(index, line)| {
        let reason = parse(line).err()?;
        Some((Position::line(index + 1), reason))
    });
    faults.next()
}

fn is_empty(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn parse(line: &str) -> Result<Line<'_>, String> {
    // The last colon: a name may have one too.
    let (name, rest) = line
        .rsplit_once(": ")
        .ok_or("the line is not `name: value unit`")?;
    let rest = rest.trim();
    let (value, unit) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let value = number(value).ok_or_else(|| {
        format!("`{value}` is not a finite number, which has a point and no other separator")
    })?;
    Ok(Line {
        name: name.trim(),
        value,
        unit: unit.trim(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, read_as, summary};
    use crate::figures::{Format, Options};

    #[test]
    fn a_line_is_a_value() {
        let text =
            "# of the build\nstart: 250 ms\r\nmap: insert: 1e3 ops/s\n\nscore: 7\nstart: 0.5 s\n";
        assert_eq!(
            summary(read("a.txt", text)),
            [
                "start [s, less] 0.25 0.5",
                "map: insert [ops/s, more] 1000",
                "score [] 7"
            ]
        );
    }

    #[test]
    fn other_lines_are_flaws_where_the_format_is_named() {
        let text = "start: 1,5 s\nend = 7\na: 1\n: 3\n";
        assert_eq!(
            flaws(read("a.txt", text)),
            [
                "a.txt:1:1: its format is not recognised: name it with `format`; as `lines`, `1,5` is not a finite number, which has a point and no other separator"
            ]
        );
        let options = Options {
            format: Some(Format::Lines),
            unit: Some("ms".into()),
            ..Options::default()
        };
        let (readings, found) = read_as(&options, "a.txt", text);
        assert_eq!(summary((readings, Vec::new())), ["a [s, less] 0.001"]);
        assert_eq!(
            flaws((Vec::new(), found)),
            [
                "a.txt:1:1: `1,5` is not a finite number, which has a point and no other separator",
                "a.txt:2:1: the line is not `name: value unit`",
                "a.txt:4:1: a figure without a name",
            ]
        );
    }
}

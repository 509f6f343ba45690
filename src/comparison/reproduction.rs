//! The command that measures the same again.

use std::collections::BTreeSet;

use crate::arm::Arm;
use crate::quoting::quote_where_needed;
use crate::records::Figures;

/// The arguments of `collect` that name the config, and say that it is rehearsed.
pub fn invocation(config: &str, local: bool) -> String {
    let local = if local { "--local " } else { "" };
    format!("{local}{}", quote_where_needed(config))
}

/// The command that measures the same in the same order; `config` is an [`invocation`].
pub fn reproduction(config: &str, figures: &Figures, samples: u32) -> String {
    let repeat = figures.repeat.unwrap_or_else(|| turns_that_came(figures));
    let baseline = figures.baseline.as_ref();
    let baseline = baseline.map_or_else(String::new, |one| format!(" --baseline {one}"));
    format!(
        "collect {config} {}{baseline} --repeat {repeat} --samples {samples} --seed {}",
        figures.revision, figures.seed
    )
}

/// The turns of the candidate on the first instance that measured anything.
fn turns_that_came(figures: &Figures) -> u32 {
    let turns = figures.figures.iter().flat_map(|figure| &figure.turns);
    let candidates = turns.filter(|turn| turn.arm == Arm::Candidate && turn.sample == 0);
    let turns: BTreeSet<u32> = candidates.map(|turn| turn.turn).collect();
    u32::try_from(turns.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{figure, figures, rounds};
    use super::*;

    #[test]
    fn the_command_measures_as_often_as_was_planned() {
        let came = figures(1, vec![figure("f", &rounds(0, &[1.0, 1.0]))]);
        let planned = Figures {
            repeat: Some(6),
            ..came.clone()
        };
        let of = |figures: &Figures| reproduction("x.yml", figures, 1);
        assert_eq!(
            of(&planned),
            "collect x.yml v2 --baseline v1 --repeat 6 --samples 1 --seed 1"
        );
        assert_eq!(of(&came), of(&planned).replace("--repeat 6", "--repeat 4"));
    }
}

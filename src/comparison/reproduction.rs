//! The command that measures the same again.

use crate::arm::Arm;
use crate::records::Figures;

/// The command that measures the same in the same order; `config` as a shell takes it.
pub fn reproduction(config: &str, figures: &Figures, samples: u32) -> String {
    let turns = figures.figures.iter().flat_map(|figure| &figure.turns);
    let candidates = turns.filter(|turn| turn.arm == Arm::Candidate && turn.sample == 0);
    let mut turns: Vec<u32> = candidates.map(|turn| turn.turn).collect();
    turns.sort_unstable();
    turns.dedup();
    let baseline = figures.baseline.as_ref();
    let baseline = baseline.map_or_else(String::new, |one| format!(" --baseline {one}"));
    format!(
        "collect {config} {}{baseline} --repeat {} --samples {samples} --seed {}",
        figures.revision,
        turns.len(),
        figures.seed
    )
}

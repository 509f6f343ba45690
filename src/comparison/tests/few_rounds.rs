//! Rows of too few rounds.

use super::*;

#[test]
fn too_few_turns_say_how_many_it_takes() {
    let figures = figures(1, vec![figure("f", &rounds(0, &[1.2, 1.3]))]);
    let comparison = Comparison::of_arms(&figures, &[]);
    let row = &comparison.rows[0];
    assert_eq!(row.verdict, Verdict::NoVerdict);
    assert_eq!(
        row.reasons,
        ["too few rounds: on one instance a verdict needs at least 6 turns of each revision"]
    );
}

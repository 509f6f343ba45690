//! What a config asks of a comparison in vain.

use super::*;

fn said(lines: &str) -> Vec<String> {
    let config = parse(&main_with(lines)).unwrap();
    config.uncompared().collect()
}

#[test]
fn a_limit_that_nothing_is_held_against_is_said() {
    let idle = "`fail_on` has no effect without a `baseline` and `figures`";
    assert_eq!(said("  fail_on: {slower: 5%}\n"), [idle]);
    assert_eq!(said("  fail_on: {slower: 5%}\n  figures: a.json\n"), [idle]);
    let both = said("  fail_on: {slower: 5%}\n  baseline: v1\n");
    assert_eq!(both.len(), 2);
    assert_eq!(both[1], idle);
    assert_eq!(
        said("  fail_on: {slower: 5%}\n  baseline: v1\n  figures: a.json\n"),
        [""; 0]
    );
}

#[test]
fn too_few_turns_for_one_instance_are_said_beforehand() {
    let compared = |lines: &str| said(&format!("  baseline: v1\n  figures: a.json\n{lines}"));
    for turns in [1, 2, 4, 5] {
        let said = compared(&format!("  repeat: {turns}\n"));
        assert_eq!(
            said,
            [format!(
                "`repeat` is {turns}, and no figure will have a verdict: on one instance that needs at least 6 turns of each revision, `--repeat 6`"
            )]
        );
    }
    for enough in [
        "",
        "  repeat: 6\n",
        "  repeat: 1\n  samples: 2\n",
        "  repeat: 1\n  precision: 1%\n",
    ] {
        assert_eq!(compared(enough), [""; 0], "{enough}");
    }
    assert_eq!(said("  repeat: 1\n"), [""; 0]);
}

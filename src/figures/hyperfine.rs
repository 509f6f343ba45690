//! hyperfine: `--export-json`.

use super::json::Node;
use super::sheet::{Sheet, distinguish};
use super::unit::Unit;

/// Reads the wall-clock times of each command, in seconds.
pub(super) fn read(root: &Node<'_>, sheet: &mut Sheet) {
    let mut results = root.needed_items("results", sheet);
    results.retain(|result| result.needed_text("command", sheet).is_some());
    let names = results.iter().map(|result| {
        let command = result.text("command").unwrap_or_default();
        (command.to_owned(), result.parameters("parameters"))
    });
    let names = distinguish(names.collect());
    for (result, name) in results.iter().zip(names) {
        if let Some(codes) = result.get("exit_codes")
            && let Some(failed) = codes
                .items()
                .iter()
                .find(|code| code.value.as_i64() != Some(0))
        {
            let status = if failed.value.is_null() {
                "was ended by a signal".to_owned()
            } else {
                format!("ended with status {}", failed.value)
            };
            let reason = format!("`{name}` {status}, so its times are left out");
            sheet.refuse(failed.position(), reason);
            continue;
        }
        let times = match result.get("times") {
            Some(times) => times.numbers(sheet),
            None => result
                .first_number(&["median", "mean"], sheet)
                .map(|time| vec![time]),
        };
        if let Some(times) = times {
            sheet.enter(&result.position(), &name, &Unit::seconds(), &times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, reading};
    use crate::figures::Direction;

    #[test]
    fn the_times_of_each_command_are_read() {
        let text = r#"{"results": [
            {"command": "gzip -1", "mean": 2.0, "stddev": null, "median": 2.0, "times": [1.0, 3.0], "exit_codes": [0, 0]},
            {"command": "gzip -9", "mean": 4.0, "median": 5.0}
        ]}"#;
        let read = read("bench.json", text);
        let [fast, slow] = &reading(read)[..] else {
            panic!()
        };
        assert_eq!((fast.name.as_str(), fast.unit.as_str()), ("gzip -1", "s"));
        assert_eq!(
            (fast.better, &fast.values[..]),
            (Some(Direction::Less), &[1.0, 3.0][..])
        );
        assert_eq!(
            (slow.name.as_str(), &slow.values[..]),
            ("gzip -9", &[5.0][..])
        );
    }

    #[test]
    fn parameters_tell_commands_of_one_name_apart() {
        let text = r#"{"results": [
            {"command": "sort", "times": [1.0], "parameters": {"size": "10"}},
            {"command": "sort", "times": [2.0], "parameters": {"size": "20"}}
        ]}"#;
        let names: Vec<String> = reading(read("x.json", text))
            .into_iter()
            .map(|reading| reading.name)
            .collect();
        assert_eq!(names, ["sort (size=10)", "sort (size=20)"]);
    }

    #[test]
    fn a_command_that_failed_has_no_times() {
        let text = r#"{"results": [
            {"command": "a", "times": [1.0, 2.0], "exit_codes": [0, 3]},
            {"command": "b", "times": [1.0], "exit_codes": [null]},
            {"command": "c", "times": []},
            {"command": "d"},
            {"times": [1.0]}
        ]}"#;
        assert_eq!(
            flaws(read("x.json", text)),
            [
                "x.json: $.results[4]: `command` is missing, or no text",
                "x.json: $.results[0].exit_codes[1]: `a` ended with status 3, so its times are left out",
                "x.json: $.results[1].exit_codes[0]: `b` was ended by a signal, so its times are left out",
                "x.json: $.results[2].times: is no list with numbers",
                "x.json: $.results[3]: `median` or `mean` is missing",
            ]
        );
    }
}

//! github-action-benchmark: the JSON of its tools `customSmallerIsBetter` and `customBiggerIsBetter`.

use super::json::Node;
use super::sheet::Sheet;
use super::unit::Unit;

/// Reads each entry. The file does not say which direction is better.
pub(super) fn read(root: &Node<'_>, sheet: &mut Sheet) {
    for entry in root.items() {
        let name = entry.needed_text("name", sheet);
        let unit = Unit::parse(entry.text("unit").unwrap_or_default());
        let value = entry.first_number(&["value"], sheet);
        if let (Some(name), Some(value)) = (name, value) {
            sheet.enter(&entry.position(), name, &unit, &[value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, summary};

    #[test]
    fn units_are_as_the_file_has_them() {
        let text = r#"[
            {"name": "start", "unit": "ms", "value": 250, "range": "± 3"},
            {"name": "size", "unit": "Megabytes", "value": 7.5, "extra": "x"}
        ]"#;
        assert_eq!(
            summary(read("b.json", text)),
            ["start [s, less] 0.25", "size [Megabytes] 7.5"]
        );
    }

    /// In the shapes that its documentation and its parser have: a range is a text, a percentage or a number.
    #[test]
    fn a_range_is_no_value_whatever_its_form() {
        let text = r#"[
            {"name": "Probe - off", "unit": "ns", "value": 445.5, "range": 8.25},
            {"name": "CPU Load", "unit": "Percent", "value": 50, "range": "5%"},
            {"name": "Throughput", "unit": "req/s", "value": 70, "range": "3", "extra": "Value: 25\nOther: 100"}
        ]"#;
        assert_eq!(
            summary(read("b.json", text)),
            [
                "Probe - off [s, less] 0.0000004455",
                "CPU Load [Percent] 50",
                "Throughput [req/s, more] 70",
            ]
        );
    }

    #[test]
    fn a_name_with_two_units_and_a_value_that_is_a_text_are_flaws() {
        let text = r#"[
            {"name": "a", "unit": "B", "value": 1},
            {"name": "a", "unit": "kB", "value": 1},
            {"name": "b", "unit": "B", "value": "1"}
        ]"#;
        let (readings, found) = read("b.json", text);
        assert!(readings.is_empty());
        assert_eq!(
            flaws((readings, found)),
            [
                "b.json: $[1]: `a` is given in `B` and in `kB`, so it is left out",
                "b.json: $[2].value: is not a finite number",
            ]
        );
    }
}

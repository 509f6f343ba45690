//! Any JSON, with a path to the values.

use serde_json::Value;
pub use serde_json_path::JsonPath;

use super::json::Node;
use super::sheet::Sheet;
use super::unit::Unit;
use super::{Options, Position};

/// Reads what the path finds: numbers, or lists of numbers, which are the values of one figure.
///
/// Its name is given, or it is the path.
pub(super) fn read(root: &Value, options: &Options, sheet: &mut Sheet) {
    let Some(path) = &options.path else {
        sheet.refuse(
            Position::File,
            "no `path` says where in the JSON the values are",
        );
        return;
    };
    let shown = path.to_string();
    let found = path.query_located(root);
    if found.is_empty() {
        sheet.refuse(Position::File, format!("nothing is found at `{shown}`"));
        return;
    }
    let mut values = Vec::new();
    for located in found.iter() {
        let node = Node::at(located.node(), located.location().to_string());
        if located.node().is_array() {
            values.extend(node.numbers(sheet).into_iter().flatten());
        } else {
            values.extend(node.number(sheet));
        }
    }
    if values.is_empty() && !sheet.is_empty() {
        return;
    }
    let name = options.name.as_deref().unwrap_or(&shown);
    let unit = Unit::parse(options.unit.as_deref().unwrap_or_default());
    sheet.enter(&Position::Json(shown.clone()), name, &unit, &values);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read_as, summary};
    use super::JsonPath;
    use crate::figures::Options;

    fn options(path: &str) -> Options {
        Options {
            path: Some(JsonPath::parse(path).unwrap()),
            unit: Some("ms".into()),
            ..Options::default()
        }
    }

    const TEXT: &str =
        r#"{"a": {"b": [{"c": 1}, {"c": 2.5}], "d": [3, 4], "e": [1, "2"]}, "f": "7"}"#;

    #[test]
    fn what_the_path_finds_are_the_values_of_one_figure() {
        assert_eq!(
            summary(read_as(&options("$.a.b[*].c"), "x.json", TEXT)),
            ["$.a.b[*].c [s, less] 0.001 0.0025"]
        );
        let named = Options {
            name: Some("start".into()),
            ..options("$.a.d")
        };
        assert_eq!(
            summary(read_as(&named, "x.json", TEXT)),
            ["start [s, less] 0.003 0.004"]
        );
    }

    #[test]
    fn what_is_no_number_costs_no_other_value() {
        let text = r#"{"runs": [{"s": 1}, {"s": "2"}, {"s": [3, "4"]}, {"s": [5]}]}"#;
        let (readings, found) = read_as(&options("$.runs[*].s"), "x.json", text);
        assert_eq!(
            summary((readings, Vec::new())),
            ["$.runs[*].s [s, less] 0.001 0.005"]
        );
        assert_eq!(
            flaws((Vec::new(), found)),
            [
                "x.json: $['runs'][1]['s']: is not a finite number",
                "x.json: $['runs'][2]['s'][1]: is not a finite number"
            ]
        );
    }

    #[test]
    fn what_is_no_number_is_a_flaw() {
        for (path, flaw) in [
            ("$.f", "x.json: $['f']: is not a finite number"),
            ("$.a.e", "x.json: $['a']['e'][1]: is not a finite number"),
            ("$.a.b[0]", "x.json: $['a']['b'][0]: is a map, not a number"),
            ("$.g", "x.json: nothing is found at `$.g`"),
        ] {
            let read = read_as(&options(path), "x.json", TEXT);
            assert!(read.0.is_empty());
            assert_eq!(flaws(read), [flaw]);
        }
    }
}

//! Each key is read.

use super::*;

/// Keys that others have no meaning without.
const NEEDED: &str = "  repository: other\n  figures: a.csv\n  S3: my-bucket\n";

/// `main` with this value for a key, and a step with that value for an option.
fn with_value(table: &[Key], key: &Key, value: &str) -> String {
    let Key { name, .. } = key;
    if table == STEP_KEYS {
        let step = format!("run:\n  - a.sh:\n      {name}: {value}\n");
        return main_with(&format!("{NEEDED}{step}"));
    }
    let text = main_with(&format!("{NEEDED}run: [a.sh]\n"));
    // In place of the key's own line, and at the end of the section: places belong to what is read.
    let own = format!("  {name}:");
    let excludes = (*name == "download" && value == "false").then_some("  figures:");
    let bars =
        |line: &&str| line.starts_with(&own) || excludes.is_some_and(|key| line.starts_with(key));
    let lines: Vec<&str> = text
        .lines()
        .map(|line| if bars(&line) { "" } else { line })
        .collect();
    let main = lines.join("\n");
    main.replacen("\nrun:", &format!("\n  {name}: {value}\nrun:"), 1)
}

#[test]
fn each_key_of_a_table_is_read_and_its_default_is_as_good_as_none() {
    let without = parse(&main_with(&format!("{NEEDED}run: [a.sh]\n"))).unwrap();
    for table in [&MAIN_KEYS[..], &STEP_KEYS] {
        for key in table.iter().filter(|key| key.is_supported()) {
            let given = |value| {
                parse(&with_value(table, key, value))
                    .unwrap_or_else(|errors| panic!("{}: {errors}", key.name))
            };
            assert_ne!(given(key.example), without, "{} is not read", key.name);
            if let DefaultValue::Value(default) = key.default {
                assert_eq!(given(default), without, "{}", key.name);
            }
        }
    }
}

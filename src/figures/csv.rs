//! CSV: columns for name, value and unit.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::sheet::{Sheet, number};
use super::unit::Unit;
use super::{Options, Position};

/// The columns where no other ones are named.
const NAME: &str = "name";
const VALUE: &str = "value";
const UNIT: &str = "unit";

/// Reads a value a row; rows with one name are repetitions.
///
/// Without a column of names, all rows are of one figure, which has the name of the column with the values.
pub(super) fn read(text: &str, options: &Options, sheet: &mut Sheet) {
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(text))
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            sheet.refuse(
                Position::line(1),
                format!("the header cannot be read: {error}"),
            );
            return;
        }
    };
    let column = |name: &str| header.iter().position(|column| column == name);
    let value_column = options.value.as_deref().unwrap_or(VALUE);
    let Some(value_at) = column(value_column) else {
        sheet.refuse(Position::line(1), no_column(value_column, "value", &header));
        return;
    };
    let name_at = match options.name.as_deref() {
        Some(name) => {
            let Some(at) = column(name) else {
                sheet.refuse(Position::line(1), no_column(name, "name", &header));
                return;
            };
            Some(at)
        }
        None => column(NAME),
    };
    let unit_column = options.unit.as_deref().unwrap_or(UNIT);
    let unit_at = column(unit_column);
    let fixed_unit = options.unit.as_deref().unwrap_or_default();
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                let position = Position::line(usize::try_from(line).unwrap_or(usize::MAX));
                let reason = match error.kind() {
                    csv::ErrorKind::UnequalLengths {
                        expected_len, len, ..
                    } => {
                        format!("the row has {len} columns, the header {expected_len}")
                    }
                    _ => error.to_string(),
                };
                sheet.refuse(position, reason);
                continue;
            }
        };
        let line = row.position().map_or(1, csv::Position::line);
        let position = Position::line(usize::try_from(line).unwrap_or(usize::MAX));
        let written = row.get(value_at).unwrap_or_default();
        let Some(value) = number(written) else {
            let reason = format!(
                "`{written}` is not a finite number, which has a point and no other separator"
            );
            sheet.refuse(position, reason);
            continue;
        };
        let name = name_at.map_or(value_column, |at| row.get(at).unwrap_or_default());
        let unit = unit_at.map_or(fixed_unit, |at| row.get(at).unwrap_or_default());
        sheet.enter(&position, name, &Unit::parse(unit), &[value]);
    }
}

fn no_column(column: &str, option: &str, header: &StringRecord) -> String {
    let columns: Vec<&str> = header.iter().collect();
    let columns = columns.join("`, `");
    format!("there is no column `{column}` among `{columns}`: name one with `{option}`")
}

/// Whether a text is a table with columns of the usual names.
pub(super) fn is_table(text: &str) -> bool {
    let header = text.lines().next().unwrap_or_default();
    let columns = header.split(char::from(delimiter(text)));
    let columns: Vec<&str> = columns
        .map(|column| column.trim().trim_matches('"'))
        .collect();
    columns.contains(&NAME) && columns.contains(&VALUE)
}

/// The separator of the columns: a comma, unless the header has only others.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let others = [b'\t', b';'];
    let has = |c: u8| header.contains(char::from(c));
    let other = others.into_iter().find(|c| has(*c) && !has(b','));
    other.unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::super::tests::{flaws, read, read_as, summary};
    use crate::figures::{Format, Options};

    fn options(name: Option<&str>, value: Option<&str>, unit: Option<&str>) -> Options {
        Options {
            format: Some(Format::Csv),
            name: name.map(str::to_owned),
            value: value.map(str::to_owned),
            unit: unit.map(str::to_owned),
            ..Options::default()
        }
    }

    #[test]
    fn rows_of_one_name_are_repetitions() {
        let text = "\u{feff}name,value,unit\nstart,250,ms\n\"size, all\",7.5,B\nstart,0.5,s\n";
        assert_eq!(
            summary(read("a.csv", text)),
            ["start [s, less] 0.25 0.5", "size, all [B] 7.5"]
        );
        assert_eq!(
            summary(read("a.txt", "unit;value;name\ns;1;x\n")),
            ["x [s, less] 1"]
        );
    }

    #[test]
    fn columns_have_the_names_that_are_given() {
        let text = "revision\trepetition\tseconds\nv1\t1\t0.25\nv1\t2\t0.5\n";
        assert_eq!(
            summary(read_as(
                &options(None, Some("seconds"), Some("s")),
                "a.tsv",
                text
            )),
            ["seconds [s, less] 0.25 0.5"]
        );
        assert_eq!(
            summary(read_as(
                &options(Some("repetition"), Some("seconds"), Some("revision")),
                "a.tsv",
                text
            )),
            ["1 [v1] 0.25", "2 [v1] 0.5"]
        );
        let missing = options(Some("test"), Some("seconds"), None);
        assert_eq!(
            flaws(read_as(&missing, "a.tsv", text)),
            [
                "a.tsv:1:1: there is no column `test` among `revision`, `repetition`, `seconds`: name one with `name`"
            ]
        );
    }

    #[test]
    fn a_separator_of_thousands_or_a_decimal_comma_makes_no_number() {
        let text = "name,value\na,\"1,234.5\"\nb,\"1,5\"\nc,1e3\nd\ne,\nf,inf\n";
        let (readings, found) = read("a.csv", text);
        assert_eq!(summary((readings, Vec::new())), ["c [] 1000"]);
        let reason = "is not a finite number, which has a point and no other separator";
        assert_eq!(
            flaws((Vec::new(), found)),
            [
                format!("a.csv:2:1: `1,234.5` {reason}"),
                format!("a.csv:3:1: `1,5` {reason}"),
                "a.csv:5:1: the row has 1 columns, the header 2".to_owned(),
                format!("a.csv:6:1: `` {reason}"),
                format!("a.csv:7:1: `inf` {reason}"),
            ]
        );
    }
}

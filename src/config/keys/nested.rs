//! The keys of the smaller maps: the options of a step and of an entry of `figures`, and the limits of a comparison.

use super::DefaultValue::{Behaviour, Required, Value};
use super::{Key, Kind, key};
use crate::figures::Format;

/// The keys of `fail_on`.
pub const FAIL_ON_KEYS: [Key; 1] = [key(
    "slower",
    Kind::Percent,
    Required,
    "5%",
    "the change for the worse that is allowed",
)];

/// The options of a step.
pub const STEP_KEYS: [Key; 5] = [
    key(
        "local",
        Kind::Boolean,
        Value("false"),
        "true",
        "run it on this machine",
    ),
    key(
        "timeout",
        Kind::Duration(0),
        Behaviour("none"),
        "15m",
        "end the step after this and go on; not a failure. A bare number is minutes; `90s`, `15m`, `1h30m`, `1d`",
    ),
    key(
        "warn_only",
        Kind::Boolean,
        Value("false"),
        "true",
        "a non-zero exit is a warning and the run goes on",
    ),
    key(
        "args",
        Kind::Arguments,
        Behaviour("none"),
        "[--level, 3.10]",
        "a list of arguments",
    ),
    key(
        "env",
        Kind::Variables,
        Behaviour("none"),
        "{LEVEL: 9}",
        "a map of further variables",
    ),
];

/// The options of an entry of `figures`.
pub const FIGURE_KEYS: [Key; 6] = [
    key(
        "format",
        Kind::Choice(&Format::NAMES),
        Behaviour("it is recognised"),
        "hyperfine",
        "the format of the files, where their content is not clear",
    ),
    key(
        "better",
        Kind::Choice(&["less", "more"]),
        Behaviour("what the format or the unit tells"),
        "less",
        "what is better, where neither the format nor the unit tells",
    ),
    key(
        "name",
        Kind::Text,
        Behaviour("`name`, else that of `value`"),
        "test",
        "of CSV the column with the names; with a `path`, the name of the figure, which is else the path",
    ),
    key(
        "value",
        Kind::Text,
        Behaviour("`value`"),
        "seconds",
        "of CSV the column with the values",
    ),
    key(
        "unit",
        Kind::Text,
        Behaviour("`unit`, else none"),
        "ms",
        "of CSV the column with the units; where there is no such column, and of JSON and lines, the unit itself",
    ),
    key(
        "path",
        Kind::JsonPath,
        Behaviour("none"),
        "'$.results[*].seconds'",
        "of any JSON the place of the numbers, which are the values of one figure (RFC 9535)",
    ),
];

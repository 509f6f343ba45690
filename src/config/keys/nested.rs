//! The keys of the smaller maps: the options of a step, and the limits of a comparison.

use super::DefaultValue::{Behaviour, Required, Value};
use super::{Key, Kind, key};

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

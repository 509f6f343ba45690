//! The lists of scripts.

use std::time::Duration;

use super::keys::STEP_KEYS;
use super::node::{At, Node, Value};
use super::reader::Problems;
use super::section::{Section, merge};
use super::{Inspect, Nameable, Named};
use crate::phase::Phase;
use crate::step::{Location, ScriptPath, Step};

const EXAMPLE: &str = "write `- script.sh`, or `- script.sh:` with options below it";

/// The options of a step.
#[derive(Default)]
struct Options {
    local: bool,
    timeout: Option<Duration>,
    warn_only: bool,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

/// Reads phases, one after the other.
pub(super) struct Steps<'a, 's> {
    pub(super) inspect: Inspect<'a>,
    /// There are steps that may make a script before it is needed.
    pub(super) may_be_made: bool,
    pub(super) problems: &'a mut Problems<'s>,
    /// The time-outs of the steps after the launch, in their order.
    pub(super) timeouts: Vec<(Phase, At, Duration)>,
}

impl Steps<'_, '_> {
    /// Reads the list of a phase; a step in which there is a problem may be left out.
    pub(super) fn read(&mut self, node: &Node, phase: Phase) -> Vec<Step> {
        match &node.value {
            Value::Null => Vec::new(),
            Value::List(items) => items
                .iter()
                .filter_map(|item| self.step(item, phase))
                .collect(),
            other => {
                let kind = other.kind();
                self.problems.add(
                    node.at,
                    format!("`{phase}` is {kind}, a list of scripts is expected"),
                    EXAMPLE,
                );
                Vec::new()
            }
        }
    }

    fn step(&mut self, item: &Node, phase: Phase) -> Option<Step> {
        let (name, options) = match &item.value {
            Value::Text(_) => (item, None),
            Value::Map(pairs) => {
                let [(name, options)] = pairs.as_slice() else {
                    let count = pairs.len();
                    self.problems.add(
                        item.at,
                        format!("a step of `{phase}` has {count} scripts"),
                        "one script a step; indent its options below it",
                    );
                    return None;
                };
                (name, Some(options))
            }
            other => {
                let kind = other.kind();
                self.problems.add(
                    item.at,
                    format!("a step of `{phase}` is {kind}, a script is expected"),
                    EXAMPLE,
                );
                return None;
            }
        };
        let title = self.problems.scalar("script", name)?;
        let script = self.script(name.at, &title, phase);
        // A script that cannot run does not hide what is wrong with its options.
        let options = match options {
            Some(node) => self.options(&title, node, phase),
            None => Options::default(),
        };
        Some(Step {
            script: script?,
            location: if options.local || phase == Phase::BeforeAwsStart {
                Location::Local
            } else {
                Location::Remote
            },
            timeout: options.timeout,
            warn_only: options.warn_only,
            args: options.args,
            env: options.env,
        })
    }

    /// Reads options, which come as one map, or as a list of maps.
    fn options(&mut self, script: &str, node: &Node, phase: Phase) -> Options {
        let merged;
        let node = match &node.value {
            Value::Null => return Options::default(),
            Value::List(items) => {
                merged = Node {
                    value: Value::Map(merge(script, items, "timeout: 15m", self.problems)),
                    ..node.clone()
                };
                &merged
            }
            _ => node,
        };
        let title = format!("the options of `{script}`");
        let Some(mut section) = Section::open(node, &title, &STEP_KEYS, self.problems) else {
            return Options::default();
        };
        let options = Options {
            local: section.read("local", Problems::boolean).unwrap_or_default(),
            timeout: section.read("timeout", Problems::duration),
            warn_only: section
                .read("warn_only", Problems::boolean)
                .unwrap_or_default(),
            args: section
                .read("args", Problems::arguments)
                .unwrap_or_default(),
            env: section.read("env", Problems::variables).unwrap_or_default(),
        };
        if let Some(node) = section.node("local")
            && matches!(node.value, Value::Bool(false))
            && phase == Phase::BeforeAwsStart
        {
            section.add_problem(
                node.at,
                "`local: false` in `before_aws_start`, where there is no instance yet",
                "remove it, or move the step to `after_aws_start`",
            );
        }
        if let (Some(node), Some(timeout)) = (section.node("timeout"), options.timeout)
            && phase != Phase::BeforeAwsStart
        {
            self.timeouts.push((phase, node.at, timeout));
        }
        options
    }

    fn script(&mut self, at: At, name: &str, phase: Phase) -> Option<ScriptPath> {
        let path = match ScriptPath::parse(name) {
            Ok(path) => path,
            Err(why) => {
                self.problems.add(
                    at,
                    format!("the script path {name:?} {why}"),
                    "give a path relative to the config file",
                );
                return None;
            }
        };
        let named = Named {
            what: Nameable::Script(&path),
            may_be_made: self.may_be_made && phase != Phase::BeforeAwsStart,
        };
        match (self.inspect)(named) {
            Ok(()) => Some(path),
            Err(flaws) => {
                for (message, remedy) in flaws {
                    self.problems.add(at, message, remedy);
                }
                None
            }
        }
    }
}

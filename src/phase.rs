//! The lifecycle of a run: the user's phases and what collector does between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A list of the user's scripts, named as in the config file; the order is the order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// On the machine that runs collector, before anything is rented.
    BeforeAwsStart,
    /// As soon as the instance can be logged in to.
    AfterAwsStart,
    /// Installs the software at the revision.
    Setup,
    /// The measurement.
    Run,
    /// Prepares the results for the way home.
    BeforeCollect,
    /// Looks into a comparison whose candidate is slower, once for each revision.
    OnRegression,
    /// After the results are home.
    AfterCollect,
    /// The last words before the instance goes.
    BeforeAwsTerminate,
}

impl Phase {
    /// The phases of every run, in the order of execution.
    pub const ALL: [Self; 7] = [
        Self::BeforeAwsStart,
        Self::AfterAwsStart,
        Self::Setup,
        Self::Run,
        Self::BeforeCollect,
        Self::AfterCollect,
        Self::BeforeAwsTerminate,
    ];

    /// Every phase that a config may have, in the order of execution.
    pub const IN_CONFIG: [Self; 8] = {
        let [start, ready, setup, run, before, after, end] = Self::ALL;
        [
            start,
            ready,
            setup,
            run,
            before,
            Self::OnRegression,
            after,
            end,
        ]
    };

    /// The key in the config file.
    pub const fn key(self) -> &'static str {
        match self {
            Self::BeforeAwsStart => "before_aws_start",
            Self::AfterAwsStart => "after_aws_start",
            Self::Setup => "setup",
            Self::Run => "run",
            Self::BeforeCollect => "before_collect",
            Self::OnRegression => "on_regression",
            Self::AfterCollect => "after_collect",
            Self::BeforeAwsTerminate => "before_aws_terminate",
        }
    }

    /// Whether a failure before this phase skips it: measuring what was not set up makes no sense,
    /// bringing home what there is always does.
    pub const fn skipped_after_failure(self) -> bool {
        matches!(self, Self::AfterAwsStart | Self::Setup | Self::Run)
    }

    /// Whether a failure in this phase is a warning only: it takes nothing from what was measured.
    pub const fn only_warns(self) -> bool {
        matches!(self, Self::OnRegression)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// A part of a run: a phase of the user's or a built-in stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Stage {
    /// The user's scripts.
    Scripts(Phase),
    /// Renting the instance.
    Launch,
    /// Waiting until it can be worked with.
    Ready,
    /// Making an image of the instance.
    Bake,
    /// Bringing the results home.
    Collect,
    /// Giving the instance back.
    Terminate,
    /// Writing the archive and the index, after the instance is gone.
    Archive,
}

impl Stage {
    const BUILT_IN: [Self; 6] = [
        Self::Launch,
        Self::Ready,
        Self::Bake,
        Self::Collect,
        Self::Terminate,
        Self::Archive,
    ];

    /// The name in records and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scripts(phase) => phase.key(),
            Self::Launch => "launch",
            Self::Ready => "ready",
            Self::Bake => "bake",
            Self::Collect => "collect",
            Self::Terminate => "terminate",
            Self::Archive => "archive",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Stage> for &'static str {
    fn from(stage: Stage) -> Self {
        stage.name()
    }
}

impl TryFrom<String> for Stage {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Phase::IN_CONFIG
            .into_iter()
            .map(Self::Scripts)
            .chain(Self::BUILT_IN)
            .find(|stage| stage.name() == name)
            .ok_or_else(|| format!("no stage is named `{name}`"))
    }
}

//! The phases that are carried out once, on an image, and not on the instance of each run.

use super::Config;
use crate::phase::Phase;
use crate::step::{Location, ScriptPath};

/// The content of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bake {
    /// `after_aws_start`, for every revision.
    Auto,
    /// The same and `setup`, of one commit.
    Setup,
}

/// Why there can be no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BakeError {
    /// No phase of it has a script.
    #[error("`bake`: no baked phase has a script")]
    Nothing,
    /// A step does not run on the instance.
    #[error("`bake`: {0} is `local: true`, and what it does is on no image")]
    Local(ScriptPath),
    /// A name may stand for another commit tomorrow.
    #[error(
        "`bake: setup` without `repository`: nothing tells which commit the image of a revision has"
    )]
    NoRepository,
    /// Nothing tells which revision is to be set up.
    #[error("`bake: setup`: an image is of one revision, and none is given")]
    NoRevision,
    /// The image would be of no revision.
    #[error("`bake: auto`: an image is of no revision, and one is given")]
    Revision,
    /// This machine is not rented.
    #[error("`provider: local` has no images")]
    Rehearsal,
}

impl BakeError {
    /// The remedy.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Nothing => {
                "give `after_aws_start` what prepares the machine, or with `bake: setup` give `setup` a script"
            }
            Self::Local(_) => "move the step to another phase, for example `before_aws_start`",
            Self::NoRepository => "name the clone or URL as `repository`, or use `bake: auto`",
            Self::NoRevision => "name it behind the config, as in a run",
            Self::Revision => "leave it out, or bake it too with `bake: setup`",
            Self::Rehearsal => "bake on EC2; a rehearsal carries out every phase",
        }
    }
}

impl Config {
    /// The phases with scripts that an image has. Where there are two revisions, each is set up in its own home.
    pub fn baked_phases(&self) -> Vec<Phase> {
        let phases: &[Phase] = match (self.bake, &self.baseline) {
            (None, _) => &[],
            (Some(Bake::Setup), None) => &[Phase::AfterAwsStart, Phase::Setup],
            (Some(_), _) => &[Phase::AfterAwsStart],
        };
        let has_steps = |phase: &Phase| self.phases.contains_key(phase);
        phases.iter().copied().filter(has_steps).collect()
    }

    /// Checks that there can be an image where one is asked for.
    ///
    /// # Errors
    /// When there is nothing to bake, or it would not be the same in every run.
    pub fn check_bake(&self) -> Result<(), BakeError> {
        let phases = self.baked_phases();
        if self.bake.is_some() && phases.is_empty() {
            return Err(BakeError::Nothing);
        }
        if phases.contains(&Phase::Setup) && self.repository.is_none() {
            return Err(BakeError::NoRepository);
        }
        let mut steps = self.steps();
        match steps.find(|(phase, step)| phases.contains(phase) && step.location == Location::Local)
        {
            Some((_, step)) => Err(BakeError::Local(step.script.clone())),
            None => Ok(()),
        }
    }

    /// The config with the baked phases only, and those before the launch.
    #[must_use]
    pub fn for_bake(&self) -> Self {
        let mut baked = self.baked_phases();
        baked.push(Phase::BeforeAwsStart);
        let mut config = self.clone();
        config.phases.retain(|phase, _| baked.contains(phase));
        config
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Source;

    fn config(main: &str, phases: &str) -> Config {
        let text = format!(
            "main: {{performance_results: x, output: out, ec2_instance_size: c7i.large, ami: ami-1, {main}}}\n{phases}\nrun: [run.sh]\n"
        );
        let source = Source {
            path: Path::new("config.yml"),
            text: &text,
            local: false,
        };
        Config::parse(source, &|_| Ok(())).unwrap()
    }

    #[test]
    fn an_image_has_what_is_the_same_for_every_revision_or_for_one_commit() {
        let phases = "after_aws_start: [a.sh]\nsetup: [b.sh]";
        let auto = config("bake: auto", phases);
        assert_eq!(auto.baked_phases(), [Phase::AfterAwsStart]);
        let setup = config("bake: setup, repository: .", phases);
        assert_eq!(setup.baked_phases(), [Phase::AfterAwsStart, Phase::Setup]);
        let compared = config("bake: setup, baseline: v1", phases);
        assert_eq!(compared.baked_phases(), [Phase::AfterAwsStart]);
        assert_eq!(config("samples: 2", phases).baked_phases(), []);
        for config in [auto, setup, compared] {
            assert_eq!(config.check_bake(), Ok(()));
            assert!(!config.for_bake().phases.contains_key(&Phase::Run));
        }
    }

    #[test]
    fn what_would_not_be_on_it_or_not_be_the_same_is_refused() {
        let refused = |main, phases| config(main, phases).check_bake().unwrap_err();
        assert_eq!(refused("bake: auto", "setup: [b.sh]"), BakeError::Nothing);
        assert_eq!(
            refused("bake: setup", "setup: [b.sh]"),
            BakeError::NoRepository
        );
        let local = "after_aws_start: [a.sh: {local: true}]";
        assert_eq!(
            refused("bake: auto", local).to_string(),
            "`bake`: a.sh is `local: true`, and what it does is on no image"
        );
    }
}

//! The host of a sample: what it tells of itself, and how it booted.

use super::{Host, Sample};
use crate::comparison;
use crate::config::ProviderSpec;
use crate::instance::InstanceId;
use crate::phase::Stage;
use crate::provider::Provider;
use crate::records::{BootTimes, HostFacts, QuietSetting};
use crate::reporter::{Event, Reporter};
use crate::schedule::CalibrationPoint;
use crate::shell::{Shell, ShellError};
use crate::step::Location;

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// Records the facts about the host, and how it booted.
    pub(super) async fn describe_host(&mut self, host: &Host<'a, P, R>, mut facts: HostFacts) {
        let mut stages = self.journal.stages.iter();
        let launch = stages.rfind(|stage| stage.stage == Stage::Launch);
        facts.boot = if host.just_booted {
            BootTimes {
                requested: launch.map(|launch| launch.started),
                port_open: host.port_open,
                pending: facts.boot.pending,
                kernel_started: facts.boot.kernel_started,
                cloud_init_done: facts.boot.cloud_init_done,
                ..self.boot
            }
        } else {
            BootTimes::default()
        };
        self.facts = Some(facts);
        self.record_host().await;
    }

    /// Makes an instance quiet, where that is asked for; this machine stays as it is.
    ///
    /// # Errors
    /// When it cannot be talked to.
    pub(super) async fn quieten(
        &mut self,
        host: &Host<'a, P, R>,
    ) -> Result<Vec<QuietSetting>, ShellError> {
        let config = &self.run.plan.config;
        if !config.quiet || config.provider == ProviderSpec::Local {
            return Ok(Vec::new());
        }
        match host.quieten(config.max_lifetime).await {
            Err(error @ (ShellError::Stalled { .. } | ShellError::Command { .. })) => {
                self.journal.warn(error.to_string());
                Ok(Vec::new())
            }
            Err(error) => Err(error),
            Ok(settings) => {
                let said = settings
                    .iter()
                    .map(|one| format!("{} {}", one.name, one.got));
                let note = format!("quiet: {}", said.collect::<Vec<_>>().join(", "));
                self.journal.report(Event::Note(note));
                Ok(settings)
            }
        }
    }

    /// Measures how fast the machine is; that it cannot be is no reason to fail.
    pub(super) async fn calibrate(&mut self, point: CalibrationPoint, host: &Host<'a, P, R>) {
        if self.is_over() {
            return;
        }
        let calibration = match host.calibrate().await {
            Ok(Some(calibration)) => calibration,
            Ok(None) => {
                self.journal
                    .warn(format!("no {point}: it needs dd, and bash 5"));
                return;
            }
            Err(error) => {
                self.journal.warn(format!("no {point}: {error}"));
                return;
            }
        };
        if let Some(facts) = &mut self.facts {
            match point {
                CalibrationPoint::BeforeSetup => facts.calibration.before = Some(calibration),
                CalibrationPoint::AfterLastTurn => facts.calibration.after = Some(calibration),
            }
            self.record_host().await;
        }
    }

    /// The host as one that others are compared with.
    pub(super) fn as_host(&self, instance: InstanceId) -> comparison::hosts::Host {
        let described = self.journal.instance.as_ref();
        comparison::hosts::Host {
            instance,
            instance_type: described.and_then(|one| one.instance_type.clone()),
            facts: self.facts.clone(),
        }
    }

    /// Enters what is known of the host only once it was worked with.
    pub(super) async fn complete_host_record(&mut self) {
        let mut steps = self.journal.stages.iter().flat_map(|stage| &stage.steps);
        let first = steps.find(|step| step.location == Location::Remote);
        let first = first.map(|step| step.started);
        if let (Some(facts), Some(first)) = (&mut self.facts, first)
            && facts.boot != BootTimes::default()
        {
            facts.boot.first_step = Some(first);
            self.record_host().await;
        }
    }

    async fn record_host(&mut self) {
        let Some(facts) = self.facts.clone() else {
            return;
        };
        if let Err(error) = self.results.record(facts).await {
            self.journal.warn(error.to_string());
        }
    }
}

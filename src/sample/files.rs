//! The files that go to the instance, and the copy of the config in the results.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Host, Permitted, Sample, Shared};
use crate::phase::Phase;
use crate::project::{CONFIG_FILE, select};
use crate::project_file::ProjectFile;
use crate::provider::Provider;
use crate::report::Outcome;
use crate::reporter::Reporter;
use crate::results::{CONFIG, ResultsError};
use crate::revision::OF_COLLECTOR;
use crate::shell::{Shell, ShellError};
use crate::upload::upload;

impl<'a, P: Provider, H: Shell, R: Reporter> Sample<'a, P, H, R> {
    /// The config and the scripts that are there, as analysis tools expect them; collector's own three files win over
    /// scripts of the same name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) async fn write_config(&self) -> Result<(), ResultsError> {
        let plan = self.run.plan;
        for (_, step) in plan.config.steps() {
            let script = plan.directory.join(step.script.as_str());
            let name = format!("{CONFIG}/{}", step.script);
            self.results.copy(&script, &name).await?;
        }
        let name = format!("{CONFIG}/{CONFIG_FILE}");
        self.results.write(&name, plan.config_file.clone()).await?;
        let description: Vec<&str> = plan
            .description
            .as_deref()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        for (name, line) in [
            ("version", plan.revision.as_str()),
            ("description", &description.join(" ")),
            ("collector.revision", OF_COLLECTOR),
        ] {
            let name = format!("{CONFIG}/{name}");
            self.results
                .write(&name, format!("{line}\n").into())
                .await?;
        }
        Ok(())
    }

    /// Runs the local steps before anything is rented, and looks up what goes to the instances.
    pub(crate) async fn before_launch(&mut self) -> Arc<[ProjectFile]> {
        let plan = self.run.plan;
        let baseline = plan.baseline.iter().flat_map(|one| &one.found.warnings);
        for warning in plan.found.warnings.iter().chain(baseline) {
            self.journal.warn(warning.clone());
        }
        self.phase(Phase::BeforeAwsStart, None).await;
        if !self.passed() {
            return Arc::default();
        }
        // The steps may have made some of it.
        if let Err(error) = self.write_config().await {
            self.journal
                .fail(Outcome::Unavailable, error.to_string(), error.hint());
        }
        self.select_files().await
    }

    async fn select_files(&mut self) -> Arc<[ProjectFile]> {
        let plan = self.run.plan;
        let (directory, config) = (plan.directory.clone(), plan.config.clone());
        let text = plan.config_file.clone();
        // Results that lie beside the config grow while it is sent.
        let left_out: Vec<PathBuf> = plan.output.canonicalize().into_iter().collect();
        let selection =
            tokio::task::spawn_blocking(move || select(&directory, &config, &text, &left_out))
                .await;
        let selection = match selection {
            Ok(selection) => selection,
            Err(panic) => {
                self.journal
                    .fail(Outcome::Unavailable, panic.to_string(), None);
                return Arc::default();
            }
        };
        for warning in selection.warnings {
            self.journal.warn(warning);
        }
        for flaw in selection.flaws {
            self.journal
                .fail(Outcome::StepFailed, flaw.message, Some(&flaw.remedy));
        }
        selection.files.into()
    }

    /// Sends everything that steps on the instance need.
    pub(super) async fn send(
        &mut self,
        host: &Host<'a, P, R>,
        shared: &Shared<'_, P>,
    ) -> Result<(), ShellError> {
        self.send_files(host, shared).await?;
        if self.run.plan.baseline.is_some() {
            host.make_homes(&shared.files).await?;
        }
        let image = shared.image.as_ref();
        if image.is_some_and(|image| image.done.contains(&Phase::Setup)) {
            self.find_source(host).await
        } else {
            self.send_source(host).await
        }
    }

    /// Sends what goes to the instance, and records it.
    async fn send_files(
        &mut self,
        host: &Host<'a, P, R>,
        shared: &Shared<'_, P>,
    ) -> Result<(), ShellError> {
        let shell = Permitted::wait(&host.shell, &shared.transfers).await;
        let uploads = upload(&shell, shared.files.clone(), self.journal.reporter()).await?;
        drop(shell);
        if let Err(error) = self.results.record(uploads).await {
            self.journal.warn(error.to_string());
        }
        Ok(())
    }
}

//! Measures in two seconds the speed and the evenness of a machine, with what every image has.

use std::time::Duration;

use super::RemoteHost;
use crate::records::Calibration;
use crate::shell::{Command, Shell, ShellError, run_idempotent};

const CALIBRATE: &str = include_str!("calibrate.sh");

/// The time of each of the four parts: integers, memory, disk and clock.
const PART_DURATION: Duration = Duration::from_millis(400);

/// The deadline for all of them; a disk that hangs may take more than its part.
const CALIBRATION_DEADLINE: Duration = Duration::from_secs(20);

impl<S: Shell> RemoteHost<S> {
    /// Measures how fast the machine is; nothing where it has not what that takes.
    ///
    /// # Errors
    /// When it cannot be talked to.
    pub async fn calibrate(&self) -> Result<Option<Calibration>, ShellError> {
        let part = PART_DURATION.as_micros().to_string();
        let command = Command::new(CALIBRATE, [self.jobs_dir.clone(), part])
            .in_bash()
            .as_root();
        let what = "calibrating the host";
        let answer = run_idempotent(&self.shell, what, &command, &[], CALIBRATION_DEADLINE).await?;
        Ok(Calibration::from_answer(&String::from_utf8_lossy(
            &answer.stdout,
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// Calibrates in a directory with a shell; parts are short.
    fn calibrate(bash: &[&str], directory: &Path) -> Option<Calibration> {
        let [program, args @ ..] = bash else {
            panic!("no shell")
        };
        let output = Command::new(program)
            .args(args)
            .args(["-c", CALIBRATE, "collector"])
            .arg(directory)
            .arg("2000")
            .output()
            .unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        Calibration::from_answer(&String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn a_machine_gives_every_number_and_keeps_no_file() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("jobs");
        let calibration = calibrate(&["bash"], &directory).unwrap();
        let speeds = [
            calibration.integer_rounds_per_s,
            calibration.memory_bytes_per_s,
            calibration.disk_bytes_per_s,
        ];
        assert!(
            speeds.iter().all(|speed| *speed > Some(0.0)),
            "{calibration:?}"
        );
        let held_up = calibration.clock_held_up_percent.unwrap();
        assert!((0.0..=100.0).contains(&held_up), "{calibration:?}");
        assert!(calibration.clock_longest_gap_us.is_some());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_written_to_costs_the_disk_only() {
        // Root writes everywhere but in /proc.
        let calibration = calibrate(&["bash"], Path::new("/proc/self")).unwrap();
        assert_eq!(calibration.disk_bytes_per_s, None);
        assert!(calibration.integer_rounds_per_s.is_some());
        assert!(calibration.clock_held_up_percent.is_some());
    }
}

//! The instructions for the first boot of an instance, as cloud-config.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::shell::Command;

/// The time after which a machine that does not power off by itself is cut off, in seconds.
const POWER_CUT_DELAY: u64 = 120;

/// Arms a second timer, of `$1` seconds, with a last resort after `$2`. The first one may stay: it comes later.
const SHORTEN_LIFE: &str = "\
run='timeout 10 systemd-run --quiet --collect --timer-property=AccuracySec=1s'
if ! $run --on-active=\"$1\" systemctl poweroff; then
    setsid sh -c 'sleep \"$1\"; poweroff || shutdown -h now' sh \"$1\" < /dev/null > /dev/null 2>&1 &
else
    $run --on-active=\"$2\" systemctl poweroff --force --force
fi";

/// The command that has a running instance power itself off after `time`, which is less than it has left.
pub(super) fn shorten_life(time: Duration) -> Command {
    let seconds = time.as_secs().max(1);
    let last = seconds + POWER_CUT_DELAY;
    Command::new(SHORTEN_LIFE, [seconds.to_string(), last.to_string()]).as_root()
}

/// The keys and the clock of a fresh instance.
pub(super) struct FirstBoot<'a> {
    /// The login user; made where the image has none.
    pub(super) user: &'a str,
    /// A line of `authorized_keys`.
    pub(super) client_public: &'a str,
    /// The key that sshd shows.
    pub(super) host_private: &'a str,
    /// Its public half.
    pub(super) host_public: &'a str,
    /// The instance powers itself off after this.
    pub(super) max_lifetime: Duration,
}

/// Without the private key.
impl fmt::Debug for FirstBoot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstBoot")
            .field("user", &self.user)
            .field("max_lifetime", &self.max_lifetime)
            .finish_non_exhaustive()
    }
}

impl FirstBoot<'_> {
    /// The user-data: a comment line and one JSON document, which is YAML without its quoting riddles.
    pub(super) fn cloud_config(&self) -> String {
        let config = json!({
            // `bootcmd` comes first, before sshd and everything else that may hang.
            "bootcmd": [["sh", "-c", self.timer()]],
            "ssh_deletekeys": true,
            "ssh_keys": {
                "ed25519_private": self.host_private,
                "ed25519_public": self.host_public,
            },
            "ssh_authorized_keys": [self.client_public],
            // root logs in only where the config asks for root.
            "disable_root": self.user != "root",
            "users": [
                "default",
                {
                    "name": self.user,
                    "ssh_authorized_keys": [self.client_public],
                    "sudo": "ALL=(ALL) NOPASSWD:ALL",
                    "shell": "/bin/bash",
                    "lock_passwd": true,
                },
            ],
        });
        format!("#cloud-config\n{config:#}\n")
    }

    /// Arms the timer on the system's manager, or as a plain process where there is none. It runs at every boot: a
    /// reboot starts the clock anew.
    ///
    /// `shutdown +N` would not do: without logind, which comes later, it does not wait. Nor would a unit with the
    /// default dependencies: it waits for the boot, which waits for this.
    fn timer(&self) -> String {
        let seconds = self.max_lifetime.as_secs();
        let last = seconds + POWER_CUT_DELAY;
        format!(
            "run='timeout 10 systemd-run --quiet --timer-property=AccuracySec=1s \
             --timer-property=DefaultDependencies=no --property=DefaultDependencies=no'\n\
             if ! $run --unit=collector-lifetime --on-active={seconds} systemctl poweroff; then\n\
             setsid sh -c 'sleep {seconds}; poweroff; sleep {POWER_CUT_DELAY}; poweroff -f' < /dev/null > /dev/null 2>&1 &\n\
             else\n\
             $run --unit=collector-last-resort --on-active={last} systemctl poweroff --force --force\n\
             fi"
        )
    }
}

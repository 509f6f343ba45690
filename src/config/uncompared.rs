//! What a config asks of a comparison that has no figures, or too few turns.

use super::Config;
use super::duet::TURNS_OF_ONE_INSTANCE;

impl Config {
    /// The reason why a baseline is compared with nothing, as the rest of a sentence that begins with the key.
    pub fn uncompared_baseline(&self) -> Option<&'static str> {
        if self.baseline.is_none() || !self.figures.is_empty() {
            None
        } else if self.download {
            Some(
                "is measured and not compared, for no figure is read: name the files that hold the figures, for example `figures: bench.json`",
            )
        } else {
            Some(
                "is measured and not compared: with `download: false` no file is brought home that figures could be read from",
            )
        }
    }

    /// The reason why a precision has no effect, as the rest of a sentence that begins with the key.
    pub fn idle_precision(&self) -> Option<&'static str> {
        self.precision.and_then(|_| self.idle())
    }

    /// The same of a limit beyond which the comparison fails.
    pub fn idle_limit(&self) -> Option<&'static str> {
        self.fail_on.and_then(|_| self.idle())
    }

    fn idle(&self) -> Option<&'static str> {
        if self.is_compared() {
            None
        } else if self.download {
            Some("has no effect without a `baseline` and `figures`")
        } else {
            Some(
                "has no effect with `download: false`: no file is brought home that figures could be read from",
            )
        }
    }

    /// The reason why so few turns on one instance carry no answer. With a precision, further rounds are added.
    pub fn too_few_turns(&self) -> Option<String> {
        let alone = self.samples.get() == 1 && self.precision.is_none();
        (self.is_compared() && alone && self.turns() < TURNS_OF_ONE_INSTANCE).then(|| {
            format!(
                "no figure will have a verdict: on one instance that needs at least {TURNS_OF_ONE_INSTANCE} turns of each revision, `--repeat {TURNS_OF_ONE_INSTANCE}`"
            )
        })
    }

    /// What is said of all of them before a run.
    pub fn uncompared(&self) -> impl Iterator<Item = String> {
        let keys = [
            ("baseline", self.uncompared_baseline()),
            ("precision", self.idle_precision()),
            ("fail_on", self.idle_limit()),
        ];
        let reasons = keys.into_iter();
        let idle = reasons.filter_map(|(key, reason)| Some(format!("`{key}` {}", reason?)));
        let few = self.too_few_turns();
        idle.chain(few.map(|why| format!("`repeat` is {}, and {why}", self.turns())))
    }
}

//! What a config asks of a comparison that has no figures.

use super::Config;

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
        if self.precision.is_none() || self.is_compared() {
            None
        } else if self.download {
            Some("has no effect without a `baseline` and `figures`")
        } else {
            Some(
                "has no effect with `download: false`: no file is brought home that figures could be read from",
            )
        }
    }

    /// What is said of both before a run.
    pub fn uncompared(&self) -> impl Iterator<Item = String> {
        let keys = [
            ("baseline", self.uncompared_baseline()),
            ("precision", self.idle_precision()),
        ];
        let reasons = keys.into_iter();
        reasons.filter_map(|(key, reason)| Some(format!("`{key}` {}", reason?)))
    }
}

//! Warnings about single files: an instance with very many of them is not to drown everything else.

/// The most warnings that are spelt out.
const MAX_WARNINGS: usize = 100;

/// The first warnings, and the number of the others.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    lines: Vec<String>,
    others: u64,
}

impl Warnings {
    /// Adds a warning, which is only made where it is spelt out.
    pub(super) fn push(&mut self, warning: impl FnOnce() -> String) {
        if self.lines.len() < MAX_WARNINGS {
            self.lines.push(warning());
        } else {
            self.others += 1;
        }
    }

    /// All that is to be said.
    pub(super) fn into_lines(mut self) -> Vec<String> {
        if self.others > 0 {
            self.lines
                .push(format!("{} more warnings about single files", self.others));
        }
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_a_hundred_they_are_counted() {
        let mut warnings = Warnings::default();
        for number in 0..1000 {
            warnings.push(|| number.to_string());
        }
        let lines = warnings.into_lines();
        assert_eq!(lines.len(), 101);
        assert_eq!(lines[100], "900 more warnings about single files");
    }
}

//! Chooses the form of each portion of an upload: the level of its compression, or none and a stream of its own.

use std::time::{Duration, Instant};

use crate::tuning::{Request, Tuning};

/// With less to come, in bytes, another stream would cost more than it brings.
const MIN_SIZE_OF_ANOTHER: u64 = 16 << 20;

/// The compression of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Costs the ends least, where the link is faster than they are.
    Plain,
    /// Every image can read it.
    Gzip,
    /// Costs both ends a fraction of that.
    Zstd,
}

impl Format {
    /// The program that reads it, where tar alone does not.
    pub(super) const fn program(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// What the portions of an upload have brought so far, and the form of the next one.
#[derive(Debug)]
pub(super) struct Portions {
    tuning: Tuning,
    request: Request,
    /// The bytes of the portion under way that are packed already.
    packed: u64,
    /// The bytes of it and of all behind it.
    left: u64,
    /// Its start; none for the first one, which waits for the command.
    begun: Option<Instant>,
}

impl Portions {
    /// Of an upload of about so many bytes.
    pub(super) fn new(left: u64) -> Self {
        let mut tuning = Tuning::default();
        Self {
            request: tuning.next(left),
            tuning,
            packed: 0,
            left,
            begun: None,
        }
    }

    pub(super) const fn request(&self) -> Request {
        self.request
    }

    /// Counts bytes that were packed.
    pub(super) const fn add(&mut self, bytes: u64) {
        self.packed += bytes;
    }

    pub(super) fn is_complete(&self) -> bool {
        self.packed >= self.request.size
    }

    /// Goes on to the next portion, by what this one took.
    pub(super) fn begin_next(&mut self) {
        let time = self.begun.map(|begun| begun.elapsed());
        self.go_on_after(time);
    }

    fn go_on_after(&mut self, time: Option<Duration>) {
        if let Some(time) = time {
            self.tuning.measured(self.request, self.packed, time);
        }
        self.advance();
        self.request = self.tuning.next(self.left);
    }

    /// Takes what was packed off what is left; what follows is measured from now on.
    pub(super) fn advance(&mut self) {
        self.left = self.left.saturating_sub(self.packed);
        self.packed = 0;
        self.begun = Some(Instant::now());
    }

    /// Whether the rest is to come in another stream: a plain one where both ends are slower than the link, a compressed one
    /// where they no longer are.
    pub(super) fn need_another(&self, format: Format) -> bool {
        let fits = match format {
            Format::Plain => !self.request.is_compressed(),
            Format::Gzip | Format::Zstd => {
                self.request.is_compressed() || !self.tuning.is_plain_fast()
            }
        };
        !fits && self.left.saturating_sub(self.packed) >= MIN_SIZE_OF_ANOTHER
    }
}

#[cfg(test)]
impl Portions {
    /// Those of an upload on the way, which took these megabytes a second, with so much to come.
    pub(super) fn on_the_way(rates: &[u32], left: u64) -> Self {
        let mut portions = Self::new(1 << 40);
        for rate in rates {
            portions.packed = 10_000_000;
            portions.go_on_after(Some(Duration::from_secs(10) / *rate));
        }
        Self { left, ..portions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_changed_only_for_what_is_worth_it() {
        let needed =
            |rates: &[u32], left, format| Portions::on_the_way(rates, left).need_another(format);
        assert!(needed(&[300, 500], 1 << 30, Format::Gzip));
        assert!(!needed(&[300, 500], 1 << 20, Format::Gzip), "so little");
        assert!(
            !needed(&[100, 110], 1 << 30, Format::Zstd),
            "so slow a link"
        );
        assert!(
            !needed(&[300, 150], 1 << 30, Format::Zstd),
            "compression won"
        );
        assert!(!needed(&[300, 500], 1 << 30, Format::Plain));
        assert!(
            needed(&[300, 500, 20], 1 << 30, Format::Plain),
            "a link that became slow"
        );
    }
}

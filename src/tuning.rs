//! Chooses the size and the compression of the next portion of a transfer, by what was measured on the way.

use std::time::Duration;

/// The levels that are compared; 0 is no compression.
const LEVELS: [u8; 4] = [0, 1, 3, 6];

/// The size of the first portions, in bytes: enough to measure by.
const FIRST_SIZE: u64 = 4 << 20;

/// The most that one command is asked for, in bytes: what is not verified yet when the instance vanishes.
const MAX_SIZE: u64 = 256 << 20;

/// The time that a command is to take, in seconds: the next one may do better.
const AIMED_SECONDS: f64 = 1.0;

/// At this rate a portion that turns out to be sent too slowly costs little, in bytes a second.
const FAST_RATE: f64 = 15e6;

/// From this rate on it is the processors that hold up a transfer: a higher level would cost more of them, in bytes a second.
const BUSY_RATE: f64 = 200e6;

/// After so many commands a neighbouring level is tried again: links and machines change.
const TRIAL_INTERVAL: u32 = 16;

/// A plain portion is looked at so often before it counts as slow.
const MAX_PLAIN_TRIALS: u32 = 2;

/// A plain portion that was slower by less than this factor may have been so by chance.
const DOUBTFUL: f64 = 1.5;

/// The most portions that are kept small because one that was sent plainly is still under way.
const MAX_AWAITING: u32 = 4;

/// The form in which a portion travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    level: usize,
    /// In bytes.
    pub(crate) size: u64,
}

impl Request {
    /// The level of compression, as gzip and zstd count.
    pub(crate) fn level(self) -> u8 {
        LEVELS.get(self.level).copied().unwrap_or_default()
    }

    pub(crate) fn is_compressed(self) -> bool {
        self.level() > 0
    }
}

/// The rates that were measured, of what the files have, not of what the wire carried.
#[derive(Debug, Default)]
pub(crate) struct Tuning {
    /// Bytes a second, by level.
    rates: [Option<f64>; LEVELS.len()],
    /// Portions that were asked for, by level.
    asked: [u32; LEVELS.len()],
    since_trial: u32,
    /// Portions that were asked for while the first plain one was under way.
    awaiting: u32,
}

impl Tuning {
    /// The form of the next portion, when so many bytes are left: first at the lowest level, because a link may be too slow
    /// to send anything plainly; then as was best, with a look at its neighbours.
    pub(crate) fn next(&mut self, left: u64) -> Request {
        let best = self.best();
        let awaits = self.awaits_plain();
        let trial = best.filter(|_| !awaits).and_then(|best| self.trial(best));
        let level = trial.or(best).unwrap_or(1);
        let rate = best.and_then(|best| self.rate(best));
        let usual = rate.map_or(FIRST_SIZE, |rate| in_time(rate, AIMED_SECONDS));
        let tried = best.is_some_and(|best| best != level);
        let size = if awaits {
            FIRST_SIZE
        } else if level == 0 && tried && self.asked(0) < MAX_PLAIN_TRIALS {
            // What compresses well may take a hundred times as long.
            FIRST_SIZE << self.asked(0)
        } else {
            let size = if tried { usual / 4 } else { usual };
            // The last ones are to end together, but each command costs the instance a few processes.
            size.min(left / 2)
                .max(usual / 4)
                .clamp(FIRST_SIZE, MAX_SIZE)
        };
        if let Some(asked) = self.asked.get_mut(level) {
            *asked += 1;
        }
        Request { level, size }
    }

    /// Enters what a portion took.
    pub(crate) fn measured(&mut self, request: Request, bytes: u64, time: Duration) {
        // Too little tells about delays only.
        if bytes < FIRST_SIZE / 2 {
            return;
        }
        let bytes = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        let rate = f64::from(bytes) * 1024.0 / time.as_secs_f64().max(1e-6);
        if let Some(measured) = self.rates.get_mut(request.level) {
            *measured = Some(rate);
        }
    }

    /// Whether it is the processors that hold up what is sent plainly, and not the link.
    pub(crate) fn is_plain_fast(&self) -> bool {
        self.rate(0) > Some(BUSY_RATE)
    }

    fn rate(&self, level: usize) -> Option<f64> {
        self.rates.get(level).copied().flatten()
    }

    fn asked(&self, level: usize) -> u32 {
        self.asked.get(level).copied().unwrap_or_default()
    }

    /// Whether it is about to be known what the first plain portion brought; whether to look at higher levels depends on it.
    fn awaits_plain(&mut self) -> bool {
        let awaits = self.asked(0) == 1 && self.rate(0).is_none() && self.awaiting < MAX_AWAITING;
        self.awaiting += u32::from(awaits);
        awaits
    }

    /// Whether a plain portion is worth another look: the first one is so small that it may have been slow by chance.
    fn is_plain_doubtful(&self, best: usize) -> bool {
        let doubtful = |(plain, best)| plain * DOUBTFUL > best;
        best != 0
            && self.asked(0) < MAX_PLAIN_TRIALS
            && self.rate(0).zip(self.rate(best)).is_some_and(doubtful)
    }

    fn best(&self) -> Option<usize> {
        let measured = self.rates.iter().enumerate();
        measured
            .filter_map(|(level, rate)| Some((level, (*rate)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(level, _)| level)
    }

    /// A neighbour of the best level that is not known, or has not been looked at for long.
    fn trial(&mut self, best: usize) -> Option<usize> {
        let [higher, lower] = [best + 1, best.wrapping_sub(1)];
        let rate = self.rate(best);
        let order: &[usize] = if rate > Some(BUSY_RATE) {
            &[0, lower]
        } else if rate > Some(FAST_RATE) {
            &[0, lower, higher]
        } else {
            // Not plainly, which may take very long.
            &[higher, lower.max(1)]
        };
        if order.contains(&0) && self.is_plain_doubtful(best) {
            return Some(0);
        }
        let asked = |level: &usize| self.asked.get(*level).map(|count| *count > 0);
        if let Some(unknown) = order.iter().find(|level| asked(level) == Some(false)) {
            return Some(*unknown);
        }
        self.since_trial += 1;
        if self.since_trial < TRIAL_INTERVAL {
            return None;
        }
        self.since_trial = 0;
        // The lower one first: it costs the instance less.
        let mut known = [lower, higher].into_iter();
        known.find(|level| asked(level) == Some(true))
    }
}

/// The bytes that this rate makes in so many seconds.
fn in_time(rate: f64, seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest integer there is"
    )]
    let bytes = (rate * seconds) as u64;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link of this rate in MB/s, over an instance that compresses level by level ever slower and better.
    fn final_level(link: f64, ratios: [f64; 4], speeds: [f64; 4]) -> u8 {
        let mut tuning = Tuning::default();
        let mut last = tuning.next(1 << 40);
        for _ in 0..12 {
            let rate = speeds[last.level].min(link / ratios[last.level]) * 1e6;
            let seconds = f64::from(u32::try_from(last.size).unwrap()) / rate;
            tuning.measured(last, last.size, Duration::from_secs_f64(seconds));
            last = tuning.next(1 << 40);
        }
        last.level()
    }

    const TEXT: [f64; 4] = [1.0, 0.5, 0.45, 0.42];
    const NOISE: [f64; 4] = [1.0, 1.0, 1.0, 1.0];
    const SPEEDS: [f64; 4] = [f64::INFINITY, 400.0, 200.0, 60.0];

    #[test]
    fn a_fast_link_needs_no_compression_and_a_slow_one_the_strongest() {
        assert_eq!(final_level(2000.0, TEXT, SPEEDS), 0);
        assert_eq!(final_level(125.0, TEXT, SPEEDS), 1);
        assert_eq!(final_level(70.0, TEXT, SPEEDS), 3);
        assert_eq!(final_level(10.0, TEXT, SPEEDS), 6);
        assert_eq!(final_level(500.0, NOISE, SPEEDS), 0);
    }

    #[test]
    fn on_a_slow_link_nothing_is_sent_plainly_and_on_a_fast_one_everything_is_in_the_end() {
        let levels = |link: f64| {
            let mut tuning = Tuning::default();
            let mut levels = Vec::new();
            for _ in 0..6 {
                let request = tuning.next(1 << 40);
                levels.push(request.level());
                let rate = SPEEDS[request.level].min(link / TEXT[request.level]) * 1e6;
                let seconds = f64::from(u32::try_from(request.size).unwrap()) / rate;
                tuning.measured(request, request.size, Duration::from_secs_f64(seconds));
            }
            levels
        };
        assert_eq!(levels(2.0), [1, 3, 6, 6, 6, 6]);
        assert_eq!(levels(2000.0), [1, 0, 0, 0, 0, 0]);
        assert_eq!(levels(125.0), [1, 0, 1, 1, 1, 1]);
        assert_eq!(levels(70.0), [1, 0, 3, 6, 3, 3]);
    }

    #[test]
    fn a_plain_portion_that_was_slow_by_chance_gets_a_second_look() {
        let mut tuning = Tuning::default();
        let mut take = |rate: f64| {
            let request = tuning.next(1 << 40);
            let size = f64::from(u32::try_from(request.size).unwrap());
            tuning.measured(
                request,
                request.size,
                Duration::from_secs_f64(size / rate / 1e6),
            );
            (request.level(), request.size / FIRST_SIZE)
        };
        assert_eq!(take(99.0), (1, 1));
        assert_eq!(take(94.0), (0, 1));
        assert_eq!(take(300.0), (0, 2));
        assert_eq!(take(300.0).0, 0);
    }

    #[test]
    fn while_a_plain_portion_is_under_way_the_others_are_small_but_not_without_end() {
        let mut tuning = Tuning::default();
        let first = tuning.next(1 << 40);
        tuning.measured(first, first.size, Duration::from_millis(40));
        let mut next = || {
            let request = tuning.next(1 << 40);
            (request.level(), request.size / FIRST_SIZE)
        };
        assert_eq!(next(), (0, 1));
        for _ in 0..MAX_AWAITING {
            assert_eq!(next(), (1, 1));
        }
        assert!(next().1 > 4);
    }

    #[test]
    fn a_portion_takes_about_a_second_and_the_last_ones_are_small() {
        let mut tuning = Tuning::default();
        let first = tuning.next(1 << 40);
        assert_eq!((first.level(), first.size), (1, FIRST_SIZE));
        tuning.measured(first, FIRST_SIZE, Duration::from_millis(40));
        let second = tuning.next(1 << 40);
        assert_eq!((second.level(), second.size), (0, FIRST_SIZE));
        tuning.measured(second, FIRST_SIZE, Duration::from_millis(20));
        assert_eq!(tuning.next(1 << 40).size, 200 << 20);
        assert_eq!(tuning.next(150 << 20).size, 75 << 20);
        assert_eq!(tuning.next(20 << 20).size, 50 << 20);
    }
}

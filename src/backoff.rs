//! Pauses between the attempts at something that others may be attempting, too.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The pause before the second attempt; it doubles up to [`MAX_PAUSE`] where nothing else is said.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Attempts with growing pauses between them, up to a deadline.
///
/// The whole of each pause is left to chance: those who were refused together do not come back together. AWS calls this
/// full jitter, and found that it needs the fewest attempts.
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
#[derive(Debug)]
pub(crate) struct Backoff {
    deadline: Instant,
    pause: Duration,
    max_pause: Duration,
}

impl Backoff {
    /// Pauses of at most half a second, and at most five seconds later on, of which none ends after the deadline.
    pub(crate) const fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            pause: FIRST_PAUSE,
            max_pause: MAX_PAUSE,
        }
    }

    /// The same, with pauses that start longer.
    pub(crate) const fn starting_with(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// The same, with pauses that grow longer: what is waited for comes slowly.
    pub(crate) const fn up_to(self, max_pause: Duration) -> Self {
        Self { max_pause, ..self }
    }

    /// Waits before the next attempt; `false`, at once, when there is no time for one.
    pub(crate) async fn wait(&mut self) -> bool {
        self.wait_longer(Duration::ZERO).await
    }

    /// The same, after the time for which the other end asked to be left alone.
    pub(crate) async fn wait_longer(&mut self, wanted: Duration) -> bool {
        let pause = self.pause.mul_f64(rand::random_range(0.0..1.0));
        self.pause = (self.pause * 2).min(self.max_pause);
        let Some(next) = Instant::now().checked_add(wanted.saturating_add(pause)) else {
            return false;
        };
        if next > self.deadline {
            return false;
        }
        sleep_until(next).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_the_longest_and_none_ends_after_the_deadline() {
        let since = Instant::now();
        let mut backoff = Backoff::until(since + 60 * SECOND)
            .starting_with(SECOND)
            .up_to(8 * SECOND);
        for seconds in [1, 2, 4, 8, 8] {
            let before = Instant::now();
            assert!(backoff.wait().await);
            let pause = before.elapsed();
            assert!(pause <= seconds * SECOND, "{pause:?} of {seconds} s");
        }
        while backoff.wait().await {}
        let given_up = since.elapsed();
        assert!(
            given_up <= 60 * SECOND && given_up > 52 * SECOND,
            "{given_up:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_other_end_asks_for_comes_on_top() {
        let since = Instant::now();
        let mut backoff = Backoff::until(since + 60 * SECOND);
        assert!(backoff.wait_longer(30 * SECOND).await);
        assert!(since.elapsed() > 30 * SECOND);
        assert!(!backoff.wait_longer(30 * SECOND).await);
        assert!(since.elapsed() < 31 * SECOND, "it is given up at once");
        assert!(!backoff.wait_longer(Duration::MAX).await);
    }
}

//! Passes on what `tracing` tells, as events of the run: shown by `--verbose --verbose`, `RUST_LOG` and `RUNNER_DEBUG`.

use std::env;
use std::io::{self, Write};
use std::sync::Arc;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The targets that are shown: those of `RUST_LOG`, else this crate's own where they are asked for.
fn targets(asked: bool) -> Option<Targets> {
    let named = env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let debug = env::var("RUNNER_DEBUG").is_ok_and(|value| value == "1");
    match named.and_then(|text| text.parse().ok()) {
        Some(targets) => Some(targets),
        None if asked || debug => {
            Some(Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::DEBUG))
        }
        None => None,
    }
}

/// Passes on what is traced from here on, a line at a time; `tell` must not wait. Does nothing unless it is asked for.
pub(super) fn start(asked: bool, tell: impl Fn(String) + Send + Sync + 'static) {
    let Some(targets) = targets(asked) else {
        return;
    };
    let lines = tracing_subscriber::fmt::layer()
        .without_time()
        .with_ansi(false)
        .with_writer(Lines(Arc::new(tell)));
    // A second subscriber in one process would be a test's; the first one stays.
    let _ = tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init();
}

struct Lines<T>(Arc<T>);

impl<'a, T: Fn(String) + 'a> MakeWriter<'a> for Lines<T> {
    type Writer = Line<T>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            text: Vec::new(),
            tell: self.0.clone(),
        }
    }
}

/// One line, told when it is complete.
struct Line<T: Fn(String)> {
    text: Vec<u8>,
    tell: Arc<T>,
}

impl<T: Fn(String)> Write for Line<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: Fn(String)> Drop for Line<T> {
    fn drop(&mut self) {
        (self.tell)(String::from_utf8_lossy(&self.text).trim_end().to_owned());
    }
}

//! The last lines of a terminal: a line a sample with what it does, and the bar of a transfer.

use std::collections::BTreeMap;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEXT: &str = "{wide_msg}";
const TRANSFER: &str = "{msg}{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
const NARROW_TRANSFER: &str = "{msg}{wide_bar} {bytes}/{total_bytes}";

/// A terminal with fewer columns has no room for [`TRANSFER`].
const TRANSFER_COLUMNS: usize = 60;

/// Status lines. They are hidden where standard error is no terminal that can move its cursor.
#[derive(Debug)]
pub(super) struct Status {
    lines: MultiProgress,
    bars: BTreeMap<Option<u32>, ProgressBar>,
}

impl Status {
    pub(super) fn on(target: ProgressDrawTarget) -> Self {
        Self {
            lines: MultiProgress::with_draw_target(target),
            bars: BTreeMap::new(),
        }
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.lines.is_hidden()
    }

    /// Takes the lines off the terminal until they are drawn again.
    pub(super) fn clear(&self) {
        let _ = self.lines.clear();
    }

    /// Draws the lines as they were.
    pub(super) fn redraw(&self) {
        if let Some(bar) = self.bars.values().next() {
            bar.tick();
        }
    }

    /// Draws these lines and no others; the bar of a transfer stays in the place of its line.
    pub(super) fn show(&mut self, lines: Vec<(Option<u32>, String)>) {
        if self.is_hidden() {
            return;
        }
        self.clear();
        self.bars.retain(|sample, bar| {
            let stays = lines.iter().any(|(shown, _)| shown == sample);
            if !stays {
                self.lines.remove(bar);
            }
            stays
        });
        for (sample, text) in lines {
            let bar = self.bar(sample);
            if bar.length().is_none() {
                bar.set_message(text);
            }
        }
        self.redraw();
    }

    /// Shows how far a transfer has come.
    pub(super) fn show_transfer(
        &mut self,
        sample: Option<u32>,
        mark: String,
        done: u64,
        total: u64,
    ) {
        if self.is_hidden() {
            return;
        }
        let template = if columns() < TRANSFER_COLUMNS {
            NARROW_TRANSFER
        } else {
            TRANSFER
        };
        let bar = self.bar(sample);
        if bar.length().is_none() {
            bar.set_style(style(template));
            bar.set_message(mark);
        }
        bar.set_length(total);
        bar.set_position(done);
    }

    fn bar(&mut self, sample: Option<u32>) -> &ProgressBar {
        let position = self.bars.range(..sample).count();
        let lines = &self.lines;
        self.bars.entry(sample).or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            bar.set_style(style(TEXT));
            lines.insert(position, bar)
        })
    }
}

/// The columns of the terminal. Its last one stays free: some terminals begin a new line behind it.
pub(super) fn columns() -> usize {
    usize::from(Term::stderr().size().1).saturating_sub(1)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

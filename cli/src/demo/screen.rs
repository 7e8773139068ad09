//! What is said while it runs: a line per scene, and a bar where there is a terminal. All of it on stderr, so that stdout is the answer.

use std::io::Write as _;
use std::time::Duration;

use clap::builder::styling::AnsiColor;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar moves by itself.
const TICK: Duration = Duration::from_millis(100);

/// The narrator.
#[derive(Clone, Copy)]
pub(super) struct Screen {
    /// With `--json` only the answer is printed.
    pub(super) quiet: bool,
}

impl Screen {
    /// A sentence on its own.
    pub(super) fn title(self, text: &str) {
        let style = AnsiColor::Cyan.on_default().bold();
        self.write(&format!("{style}{text}{style:#}\n"));
    }

    /// What has just happened.
    pub(super) fn scene(self, label: &str, text: &str) {
        let style = AnsiColor::Cyan.on_default();
        self.write(&format!("  {style}{label:<10}{style:#}{text}"));
    }

    /// A bar over so many records. Cleared when it is dropped.
    pub(super) fn bar(self, records: u64, label: &'static str) -> Bar {
        let target = if self.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(records), target);
        if let Ok(style) = ProgressStyle::with_template("  {prefix:10}{bar:24.cyan/dim} {human_pos:>7}/{human_len}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(label);
        bar.enable_steady_tick(TICK);
        Bar(bar)
    }

    fn write(self, text: &str) {
        if !self.quiet {
            // When stderr is gone there is nobody to tell.
            writeln!(anstream::stderr().lock(), "{text}").ok();
        }
    }
}

/// A progress bar that goes away by itself.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn show(&self, position: u64, message: &str) {
        self.0.set_position(position);
        self.0.set_message(message.to_owned());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

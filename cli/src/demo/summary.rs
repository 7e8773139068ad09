//! The answer: what a person understands in ten seconds, or one JSON document.

use std::io::{self, Write};
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

use super::check::Figures;
use super::numbers::{count, grouped};
use super::story::Story;
use crate::output::{Report, visible};

/// Figures, checks and the story.
#[derive(Serialize)]
pub(super) struct Answer {
    #[serde(flatten)]
    pub(super) figures: Figures,
    /// How long all of it took.
    pub(super) seconds: f64,
    pub(super) story: Story,
}

impl Answer {
    pub(super) fn new(figures: Figures, story: Story, took: Duration) -> Self {
        Self { figures, seconds: (took.as_secs_f64() * 1_000.0).round() / 1_000.0, story }
    }
}

impl Report for Answer {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        rows(&self.figures, to)?;
        broken(&self.figures, to)?;
        causes(&self.figures, to)?;
        story(&self.story, to)?;
        verdict(&self.figures, self.seconds, to)
    }
}

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const HEADING: Style = Style::new().bold();

/// One row per figure; a mark where it was checked.
fn rows(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    let holds = |name: &str| Some(figures.checks.iter().filter(|check| check.name == name).all(|check| check.holds));
    let note = |text: &str| text.to_owned();
    let rows = [
        (None, "events", figures.events, format!("{} records: {} of them twice", grouped(figures.records), grouped(figures.copies))),
        (holds("handled once"), "handled once", figures.handled, note("every flight that departed")),
        (holds("dead letters"), "dead letters", figures.dead_letters, note("every cancelled flight, byte for byte")),
        (holds("duplicates"), "duplicates dropped", figures.duplicates_dropped, note("every copy; no handler saw one")),
        (
            holds("after the crash"),
            "redelivered",
            figures.redelivered,
            format!("again after the kill, dropped; {} undone", grouped(figures.undone_by_kill)),
        ),
        (holds("lost"), "lost", figures.lost, String::new()),
        (holds("doubled"), "doubled", figures.doubled, String::new()),
        (holds("order"), "order violations", figures.order_violations, String::new()),
        (holds("fold"), "aircraft", figures.aircraft, note("the same chain as a plain pass over the file")),
        (
            holds("came back"),
            "came back",
            figures.replayed,
            format!("{} failed and {} held, handled in order once mended", grouped(figures.failed), grouped(figures.held)),
        ),
        (None, "retries", figures.retries, note("only the failing flight's aircraft waited")),
        (None, "records/s", figures.records_per_second, note("each a durable mark, an upsert, a log line")),
    ];
    writeln!(to)?;
    for (holds, label, number, note) in rows {
        let (style, mark) = match holds {
            None => (QUIET, " "),
            Some(true) => (GOOD, "✓"),
            Some(false) => (BAD, "✗"),
        };
        writeln!(to, "  {style}{mark}{style:#} {label:<20}{HEADING}{:>9}{HEADING:#}  {QUIET}{note}{QUIET:#}", grouped(number))?;
    }
    Ok(())
}

/// What does not hold, in words.
fn broken(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    for check in figures.checks.iter().filter(|check| !check.holds) {
        writeln!(to, "  {BAD}✗ {}{BAD:#}: {}", check.name, visible(&check.detail))?;
    }
    Ok(())
}

fn causes(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "\n{HEADING}Dead letters by cause{HEADING:#}")?;
    for cause in &figures.causes {
        writeln!(to, "  {}  {:>5} ×  such as: {}", visible(&cause.fingerprint), grouped(cause.count), visible(&cause.sample))?;
    }
    Ok(())
}

fn story(story: &Story, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "\n{HEADING}The story of {}{HEADING:#}, one aircraft's day, by its correlation id", story.correlation_id)?;
    for told in &story.lines {
        writeln!(to, "  {QUIET}{:>10}{QUIET:#}  {:<24}{}", told.at, told.flight, visible(&told.what))?;
    }
    Ok(())
}

fn verdict(figures: &Figures, seconds: f64, to: &mut dyn Write) -> io::Result<()> {
    let failed = figures.checks.iter().filter(|check| !check.holds).count();
    let checks = count(super::numbers::len(figures.checks.len()), "check", "checks");
    if failed == 0 {
        writeln!(to, "\n{GOOD}✓ all {checks} hold{GOOD:#}, in {seconds:.1} s")?;
    } else {
        writeln!(to, "\n{BAD}✗ {failed} of {checks} do not hold{BAD:#}, in {seconds:.1} s")?;
    }
    writeln!(to, "{QUIET}next: your first handler (README.md, quickstart) · is your cluster ready? (onceward doctor){QUIET:#}")
}

//! Lines of the log, in batches: the host writes them where its own go.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;

/// Lines that may wait for the host. Beyond it the oldest are dropped, and counted.
const MOST: usize = 10_000;

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Seconds since 1970.
    pub at: f64,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: &'static str,
    /// Who wrote it.
    pub target: &'static str,
    /// The text, with the line's own fields behind it.
    pub message: String,
    /// Its fields, then those of the spans around it: correlation id, topic, partition, offset, attempt.
    pub fields: Vec<(String, String)>,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Line>,
    dropped: u64,
    woken: bool,
}

static WAITING: Mutex<Waiting> = Mutex::new(Waiting { lines: VecDeque::new(), dropped: 0, woken: false });
static READY: Condvar = Condvar::new();
static LEVEL: OnceLock<Option<reload::Handle<LevelFilter, Registry>>> = OnceLock::new();

/// Collects lines of this level and above from now on, for the whole process. Called again, it changes the level.
pub fn collect(level: &str) {
    let filter: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let handle = LEVEL.get_or_init(|| {
        let (filter, handle) = reload::Layer::new(filter);
        let subscriber = Registry::default().with(filter).with(Collector);
        // Somebody else in this process has our lines already; the host gets none.
        tracing::subscriber::set_global_default(subscriber).ok().map(|()| handle)
    });
    if let Some(handle) = handle {
        // It fails only when the subscriber is gone, and then nothing is collected anyway.
        handle.reload(filter).unwrap_or_default();
    }
}

/// Up to so many lines, oldest first; waits for the first one at most so long.
pub fn next(max: usize, wait: Duration) -> Vec<Line> {
    let until = Instant::now() + wait;
    let mut waiting = waiting();
    while waiting.lines.is_empty() {
        let now = Instant::now();
        if std::mem::take(&mut waiting.woken) || now >= until {
            return Vec::new();
        }
        waiting = READY.wait_timeout(waiting, until - now).unwrap_or_else(PoisonError::into_inner).0;
    }
    let count = waiting.lines.len().min(max.max(1));
    let mut lines: Vec<Line> = waiting.lines.drain(..count).collect();
    let dropped = std::mem::take(&mut waiting.dropped);
    if dropped > 0 {
        let message = format!("{dropped} lines of the log were dropped: they came faster than they were written");
        lines.push(Line { at: now(), level: "WARN", target: "onceward", message, fields: Vec::new() });
    }
    lines
}

/// Whoever waits for lines stops waiting, or the next one does not begin to.
pub fn wake() {
    waiting().woken = true;
    READY.notify_all();
}

fn push(line: Line) {
    let mut waiting = waiting();
    if waiting.lines.len() >= MOST {
        waiting.lines.pop_front();
        waiting.dropped += 1;
    }
    waiting.lines.push_back(line);
    drop(waiting);
    READY.notify_one();
}

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

struct Collector;

#[derive(Default)]
struct Fields {
    message: String,
    fields: Vec<(String, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.fields.push((field.name().to_owned(), value.to_owned()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut text = String::new();
        // Writing into a string can't fail; a Debug that fails leaves what it has written.
        write!(text, "{value:?}").unwrap_or_default();
        self.record_str(field, &text);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        // Hosts show the text and hide the fields: what the line itself says belongs into it. What is around it stays outside.
        for (name, value) in &fields.fields {
            write!(fields.message, " {name}={value}").unwrap_or_default();
        }
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.fields.extend(outer.fields.iter().cloned());
            }
        }
        let Fields { message, fields } = fields;
        push(Line { at: now(), level: name(*metadata.level()), target: metadata.target(), message, fields });
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

//! Builds the consumer and runs it to the end.

use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use onceward::AutoOffsetReset::Earliest;
use onceward::config::raw::{AfterDeadLetter, Breaker};
use onceward::{Backoff, Consumer, Event};

use super::super::failure::{Doing as _, Failure};
use super::super::report::{Counts, Report, Task};
use super::{handler, logs, tally::Tally};

const PROGRESS: Duration = Duration::from_millis(50);

/// The child's whole life. What it has to say goes to the parent as reports.
pub(in crate::demo) fn main(task: &str) -> ExitCode {
    match serde_json::from_str(task).doing("read the task of this process").and_then(|task| consume(&task)) {
        Ok(counts) => {
            Report::End(counts).say();
            ExitCode::SUCCESS
        }
        Err(failure) => {
            Report::Error { broker: matches!(failure, Failure::Broker(_)), message: failure.to_string() }.say();
            failure.exit()
        }
    }
}

fn consume(task: &Task) -> Result<Counts, Failure> {
    logs::into_file(&task.log)?;
    let consumer = Consumer::builder()
        .brokers(&task.brokers)
        .group(&task.group)
        .inbox(format!("sqlite:{}", task.inbox.display()))
        .auto_offset_reset(Earliest)
        .setup_sql([onceward_flights::CREATE])
        .retry(Backoff::new().attempts(3).first(Duration::from_millis(50)))
        .kafka("session.timeout.ms", task.session_timeout_ms.to_string())
        .kafka("heartbeat.interval.ms", (task.session_timeout_ms / 6).to_string())
        // The embedded broker answers an empty fetch only when its time is over.
        .kafka("fetch.wait.max.ms", "50")
        .configure(|config| {
            let after = if task.holds { AfterDeadLetter::Hold } else { AfterDeadLetter::Continue };
            let topic = config.topics.entry(task.topic.clone()).or_default();
            topic.after_dead_letter = Some(after);
            // January ends with 85 cancelled flights in a row: that can't be told from an outage, and no flight that departed follows.
            topic.breaker = Some(Breaker { enabled: Some(false), ..Breaker::default() });
        })
        .build()?;
    let tally = Arc::new(Tally::new(consumer.metrics(), task.say_at));
    let finished = report_progress(Arc::clone(&tally))?;
    let handler = {
        let mended = task.mended;
        let tally = Arc::clone(&tally);
        move |event: Event| {
            let tally = Arc::clone(&tally);
            async move { handler::record(event, &tally, mended).await }
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().doing("start the handlers' threads")?;
    let result = runtime.block_on(consumer.on(&task.topic, handler).run_until_end(end()));
    drop(finished);
    result?;
    Ok(tally.counts())
}

/// Reports until the returned sender is dropped.
fn report_progress(tally: Arc<Tally>) -> Result<Sender<()>, Failure> {
    let (finished, finish) = channel::<()>();
    std::thread::Builder::new()
        .name("demo-progress".to_owned())
        .spawn(move || {
            while finish.recv_timeout(PROGRESS) == Err(RecvTimeoutError::Timeout) {
                Report::Progress(tally.counts()).say();
            }
        })
        .doing("start the progress reports")?;
    Ok(finished)
}

/// A child that is asked to stop drains; so does one whose demo is gone.
async fn end() {
    tokio::select! {
        () = onceward::shutdown_signal() => {}
        () = parent_gone() => {}
    }
}

/// Resolves when the parent closes our standard input, which it does by dying too: no child outlives its demo.
async fn parent_gone() {
    let (gone, wait) = tokio::sync::oneshot::channel::<()>();
    let watch = std::thread::Builder::new().name("demo-parent".to_owned()).spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        drop(gone);
    });
    match watch {
        Ok(_) => drop(wait.await),
        Err(_) => std::future::pending().await,
    }
}

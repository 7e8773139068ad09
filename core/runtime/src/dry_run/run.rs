//! The consumer in its rig.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use super::folder::{Folder, VARIABLE};
use super::{Case, Tried, Verdict};
use crate::alerts::{Callback, DeadLetter, callback};
use crate::consumer::Consumer;
use crate::driver::Summary;
use crate::event::one_line;
use crate::ledger::LetterState;
use crate::letter::letter_id;
use crate::testing::{Rig, RigOptions, Trial};
use crate::{Error, wire};

/// Handlers may take their time: how long is the handler's affair, and `handler_timeout`'s.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Failures by topic, partition and offset of the event.
type Failures = Arc<Mutex<HashMap<(String, i32, i64), DeadLetter>>>;

impl Consumer {
    /// Hands dead letters to this consumer's handlers, with nothing kept of it: see [`crate::dry_run`]. Answers in the order of the letters.
    ///
    /// # Errors
    /// What would keep the consumer from starting; [`Error::Inbox`] when the inbox's file can't be copied.
    pub async fn dry_run(self, letters: Vec<Case>) -> Result<Vec<Tried>, Error> {
        aside(move || attempt(self, None, letters)).await.map(|(tried, _)| tried)
    }
}

/// Where letters to try lie, if this process is to try some.
pub(crate) fn asked() -> Option<Folder> {
    std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(Folder::at)
}

/// Tries the letters of a folder instead of running, and says there what became of them.
pub(crate) async fn answer(app: Consumer, folder: Folder, shutdown: impl Future<Output = ()> + Send) -> Result<Summary, Error> {
    let (group, cases) = folder.cases()?;
    tracing::warn!(target: "onceward", letters = cases.len(), group,
        "a dry run: letters are handed to the handlers, and nothing is read from Kafka, marked or published. What handlers do by themselves happens");
    match select(pin!(aside(move || attempt(app, Some(group), cases))), pin!(shutdown)).await {
        Either::Left((result, _)) => {
            let (tried, summary) = result?;
            folder.answer(tried)?;
            Ok(summary)
        }
        Either::Right(((), _)) => Ok(Summary::default()),
    }
}

/// On a thread of its own: a runtime that ends would wait for a blocking task.
async fn aside<R: Send + 'static>(act: impl FnOnce() -> Result<R, Error> + Send + 'static) -> Result<R, Error> {
    let (done, end) = oneshot::channel();
    let thread = std::thread::Builder::new().name("onceward-dry-run".to_owned()).spawn(move || drop(done.send(act())));
    thread.map_err(|error| Error::Halted(format!("the thread of the dry run can't be started: {error}; raise the limit of threads")))?;
    end.await.unwrap_or(Err(Error::Closed))
}

fn attempt(app: Consumer, group: Option<String>, cases: Vec<Case>) -> Result<(Vec<Tried>, Summary), Error> {
    let failures = Failures::default();
    let cases: Arc<[Case]> = cases.into();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut options = RigOptions::new().patience(PATIENCE).start(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX));
    let mut partitions: BTreeMap<&str, i32> = BTreeMap::new();
    for case in cases.iter() {
        let count = partitions.entry(&case.topic).or_default();
        *count = (*count).max(case.partition.saturating_add(1));
    }
    for (topic, count) in &partitions {
        options = options.partitions(*topic, *count);
    }
    let trial = Trial { group, cases: Arc::clone(&cases), told: noting(&failures) };
    let rig = Rig::trial(app, options, trial)?;
    let mut handled = HashMap::new();
    for topic in partitions.keys() {
        handled.insert((*topic).to_owned(), rig.subscribes(topic)?);
    }
    rig.run()?;
    let mut publishes: HashMap<String, u64> = HashMap::new();
    for published in rig.published() {
        *publishes.entry(published.headers.text(wire::CAUSATION_ID).unwrap_or_default().to_owned()).or_default() += 1;
    }
    let failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
    let group = rig.group()?;
    let tried = cases.iter().zip(rig.dead_letters()).map(|(case, letter)| {
        let offset = case.record.offset.0;
        let event_id = letter.event_id().to_owned();
        let failure = failures.get(&(case.topic.clone(), case.partition, offset));
        let verdict = match (letter.state, failure) {
            _ if !handled.get(&case.topic).copied().unwrap_or_default() => Verdict::Unhandled,
            (Some(LetterState::Done), _) if rig.attempts(&event_id) == 0 => Verdict::Known,
            (Some(LetterState::Done), _) => Verdict::Handled { publishes: publishes.get(&event_id).copied().unwrap_or_default() },
            (_, Some(failure)) => Verdict::Failed {
                reason: failure.reason.to_owned(),
                error_type: failure.error_type.clone(),
                message: one_line(&failure.message).into_owned(),
            },
            (Some(LetterState::Held), None) => Verdict::Behind,
            _ => Verdict::Unreadable,
        };
        let letter_id = letter_id(&group, &case.topic, case.partition, offset);
        Tried { topic: case.topic.clone(), partition: case.partition, offset, letter_id, event_id, verdict }
    });
    Ok((tried.collect(), rig.summary()?))
}

fn noting(failures: &Failures) -> Callback {
    let failures = Arc::clone(failures);
    callback(move |letter: DeadLetter| {
        let place = (letter.topic.clone(), letter.partition, letter.offset);
        failures.lock().unwrap_or_else(PoisonError::into_inner).insert(place, letter);
        std::future::ready(())
    })
}

//! The statements of a group: all of them in one round trip, or, when one has failed, event by event, each in a savepoint.

use std::collections::HashSet;

use tokio_postgres::{Client, Error};

use super::effects::{Ready, Stopped, judge, ready, run};
use super::group::{Item, Verdict};
use super::plan::{Request, in_order};

/// Runs the statements of those who are to be written. `false`: one failed, and the transaction must begin again with savepoints.
pub(super) async fn run_effects(client: &Client, items: &[&Item], verdicts: &mut [Verdict], savepoints: bool) -> Result<bool, Stopped> {
    let mut failed: HashSet<(usize, u128)> = HashSet::new();
    let mut together: Vec<Ready<'_>> = Vec::new();
    for (item, verdict) in items.iter().zip(verdicts.iter_mut()) {
        let mark = &item.queued.mark;
        let lane = (item.flush, mark.lane);
        if !matches!(verdict, Verdict::Write) {
            continue;
        }
        if failed.contains(&lane) {
            *verdict = Verdict::RolledBack;
            continue;
        }
        let stopped = match mark.statements.iter().map(ready).collect::<Result<Vec<_>, _>>() {
            Err(failure) => Some(failure),
            Ok(statements) if statements.is_empty() => None,
            Ok(statements) if savepoints => match one(client, &statements).await {
                Ok(()) => None,
                Err(Stopped::Event(failure)) => Some(failure),
                Err(store) => return Err(store),
            },
            Ok(mut statements) => {
                together.append(&mut statements);
                None
            }
        };
        if let Some(failure) = stopped {
            *verdict = Verdict::Failed(failure);
            failed.insert(lane);
        }
    }
    let requests = together.iter().map(|ready| Box::pin(run(client, ready)) as Request<'_, _>).collect();
    for (ready, result) in together.iter().zip(in_order(requests).await) {
        match judge(ready, result) {
            Ok(()) => {}
            Err(Stopped::Event(_)) => return Ok(false),
            Err(store) => return Err(store),
        }
    }
    Ok(true)
}

/// The statements of one event, as if nothing had happened when one fails.
async fn one(client: &Client, statements: &[Ready<'_>]) -> Result<(), Stopped> {
    let mut requests: Vec<Request<'_, Result<u64, Error>>> =
        vec![Box::pin(async { client.batch_execute("SAVEPOINT onceward_event").await.map(|()| 0) })];
    requests.extend(statements.iter().map(|ready| Box::pin(run(client, ready)) as Request<'_, _>));
    let mut answers = in_order(requests).await.into_iter();
    answers.next().transpose().map_err(Stopped::Store)?;
    let judged = statements.iter().zip(answers).try_for_each(|(ready, result)| judge(ready, result));
    let end = match &judged {
        Ok(()) => "RELEASE onceward_event",
        Err(Stopped::Event(_)) => "ROLLBACK TO onceward_event; RELEASE onceward_event",
        Err(Stopped::Store(_)) => return judged,
    };
    client.batch_execute(end).await.map_err(Stopped::Store)?;
    judged
}

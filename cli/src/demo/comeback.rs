//! The second act: another service of the same topic holds aircraft behind their cancelled flights. Its handler is mended, and everything
//! that it gave up is handled after all, in order.

use std::path::Path;
use std::time::Duration;

use onceward::kafka::{consumer_properties, producer_properties};
use onceward::ledger::{Ask, Filter, Ledger, LetterState, Verb, ask};
use onceward::letter::Scan;
use onceward_flights::{Fleet, sequential_pass};

use super::broker::Cluster;
use super::failure::{Doing as _, Failure};
use super::interrupt::Interrupt;
use super::numbers::{grouped, len};
use super::plan::Plan;
use super::report::{Counts, Task};
use super::screen::Screen;
use super::supervise::{Consuming, Heard};
use super::table;

/// How long a broker may be silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the second service left.
pub(super) struct Comeback {
    /// Events that failed.
    pub(super) failed: u64,
    /// Events that waited behind one of them.
    pub(super) held: u64,
    /// Letters that are not settled at the end.
    pub(super) open: u64,
    /// Handler calls that succeeded in the mended process: letters and followers, once each.
    pub(super) replayed: u64,
    pub(super) aircraft: u64,
    /// Whether every aircraft is as in a plain pass over all rows.
    pub(super) matches: bool,
}

pub(super) fn play(
    (cluster, folder): (&Cluster, &Path),
    (plan, records): (&Plan, u64),
    interrupt: &Interrupt,
    screen: Screen,
) -> Result<Comeback, Failure> {
    let names = &cluster.names.held;
    let mut task = Task {
        brokers: cluster.brokers.clone(),
        group: names.group.clone(),
        topic: cluster.names.flights.clone(),
        inbox: folder.join("held.db"),
        log: folder.join("process-3.log"),
        session_timeout_ms: cluster.session_timeout_ms,
        say_at: None,
        holds: true,
        mended: false,
    };
    screen.scene("hold", &format!("a second service, group {}: an aircraft waits behind its cancelled flight", names.group));
    run(&task, records, interrupt, screen, Counts::resolved)?;
    let ledger = read(cluster, &names.ledger)?;
    let (failed, held) = (count(&ledger, LetterState::Open), count(&ledger, LetterState::Held));
    screen.scene("held", &format!("{} flights failed, {} of the same aircraft wait behind them", grouped(failed), grouped(held)));

    let letters: Vec<_> = ledger
        .choose(&names.group, &cluster.names.flights, &Filter::default(), None)
        .iter()
        .filter(|chosen| chosen.waits_for_a_person())
        .map(|chosen| (chosen.partition, chosen.letter.record.offset, chosen.letter.record.replays))
        .collect();
    let what = Ask { verb: Verb::Replay, force: false, rate: None, who: "onceward demo".to_owned() };
    let producer = producer_properties(&cluster.brokers, &[]);
    ask(&producer, ledger.topic(), &letters, &what, PATIENCE).map_err(Failure::from)?;
    task.log = folder.join("process-4.log");
    task.mended = true;
    screen.scene(
        "replay",
        &format!("the handler is mended, and {} are wanted again; who waits behind them follows", grouped(len(letters.len()))),
    );
    let counts = run(&task, failed.saturating_add(held), interrupt, screen, |counts| counts.recorded)?;
    let open = read(cluster, &names.ledger)?;
    let open = count(&open, LetterState::Open).saturating_add(count(&open, LetterState::Held));
    let kept: Fleet = table::read(&task.inbox)?;
    let matches = kept == sequential_pass(&plan.flights);
    screen.scene("came back", &format!("{} handled after all, {open} left; other groups saw nothing", grouped(counts.recorded)));
    Ok(Comeback { failed, held, open, replayed: counts.recorded, aircraft: len(kept.len()), matches })
}

/// Runs a process to its end.
fn run(task: &Task, total: u64, interrupt: &Interrupt, screen: Screen, done: impl Fn(&Counts) -> u64) -> Result<Counts, Failure> {
    let consuming = Consuming::start(task)?;
    let bar = screen.bar(total, "");
    let heard = consuming.listen(interrupt, |counts| bar.show(done(counts), if done(counts) == 0 { "joining the group" } else { "" }))?;
    let Heard::End(counts) = heard else {
        return Err(Failure::Failed("the consuming process spoke of half of the flights, though nobody asked".to_owned()));
    };
    consuming.join()?;
    Ok(counts)
}

fn read(cluster: &Cluster, topic: &str) -> Result<Ledger, Failure> {
    let client = consumer_properties(&cluster.brokers, "onceward-demo-check", &[]);
    let scan = Scan { client: &client, topic, only: None, parts: None, timeout: PATIENCE };
    Ledger::read(&scan, |_| {})?.ok_or("it does not exist").doing("read the ledger")
}

fn count(ledger: &Ledger, state: LetterState) -> u64 {
    len(ledger.letters().filter(|(_, letter)| letter.record.state == state).count())
}

//! What happens, scene by scene.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant as Clock;

use super::args::DemoArgs;
use super::broker::Cluster;
use super::evidence::{Crash, Evidence};
use super::failure::{Doing as _, Failure};
use super::instant::Instant;
use super::interrupt::Interrupt;
use super::numbers::{count, grouped, len};
use super::plan::{PARTITIONS, Plan};
use super::report::{Counts, Task};
use super::screen::Screen;
use super::summary::Answer;
use super::supervise::{Consuming, Heard};
use super::{check, child, comeback, letters, logs, send, story, table};

/// Runs the demo, or its consuming process.
pub(crate) fn run(args: DemoArgs) -> ExitCode {
    if let Some(task) = args.child {
        return child::main(&task);
    }
    match play(args.brokers.as_deref(), args.keep, args.json) {
        Ok(code) => code,
        Err(failure) => failure.report(args.json),
    }
}

fn play(brokers: Option<&str>, keep: bool, json: bool) -> Result<ExitCode, Failure> {
    let clock = Clock::now();
    let interrupt = Interrupt::listen()?;
    let folder = tempfile::Builder::new().prefix("onceward-demo-").tempdir().doing("create the folder of the demo")?;
    let result = stage(brokers, folder.path(), &interrupt, Screen { quiet: json });
    let holds = matches!(&result, Ok((figures, _)) if figures.ok);
    // What went wrong can be read there; an interrupted demo has nothing to tell.
    if keep || !(holds || matches!(result, Err(Failure::Interrupted))) {
        crate::output::message("note", &format!("the table and the logs are left in {}", folder.keep().display()));
    }
    let (figures, story) = result?;
    let answer = Answer::new(figures, story, clock.elapsed());
    crate::output::show(&answer, json).doing("print the answer")?;
    Ok(ExitCode::from(if holds { 0 } else { crate::exit::NO }))
}

fn stage(brokers: Option<&str>, folder: &Path, interrupt: &Interrupt, screen: Screen) -> Result<(check::Figures, story::Story), Failure> {
    let started = Instant::now();
    let plan = Plan::new(onceward_flights::january().doing("read the flights in this program")?);
    screen.title(&format!(
        "{} real flights, {} sent twice, and a crash half-way",
        grouped(len(plan.flights.len())),
        grouped(len(plan.copies))
    ));
    let cluster = Cluster::open(brokers)?;
    let kind = if cluster.is_embedded() { "embedded, " } else { "" };
    screen.scene("broker", &format!("{kind}{}, topic {}, {PARTITIONS} partitions", cluster.brokers, cluster.names.flights));

    let sent = send::send(&cluster, &plan)?;
    interrupt.check()?;
    let extent = cluster.extent(&cluster.names.flights)?;
    let there: i64 = extent.iter().map(|(_, next)| next).sum();
    if extent.iter().any(|(first, _)| *first != 0) || there.unsigned_abs() != len(sent.len()) {
        return Err(Failure::Broker(format!(
            "sent {} records, but the topic holds {extent:?}: its limits are too small for the demo",
            sent.len()
        )));
    }
    screen.scene("sent", &format!("{} records: January 2013, departures from New York", grouped(len(sent.len()))));

    let mut task = Task {
        brokers: cluster.brokers.clone(),
        group: cluster.names.group.clone(),
        topic: cluster.names.flights.clone(),
        inbox: folder.join("flights.db"),
        log: folder.join("process-1.log"),
        session_timeout_ms: cluster.session_timeout_ms,
        say_at: Some(len(plan.departed().count() / 2)),
        holds: false,
        mended: false,
    };
    let (first, at) = until_half(&task, interrupt, screen)?;
    let durable = table::flights(&table::read(&task.inbox)?);
    let committed = cluster.committed()?;
    let mut lines = logs::read(&task.log, 1)?;
    screen.scene(
        "crash",
        &format!(
            "killed at flight {}; {} are durable, what was in flight is undone",
            grouped(len(lines.iter().filter(|line| !line.failed).count())),
            grouped(durable)
        ),
    );

    task.log = folder.join("process-2.log");
    task.say_at = None;
    let restarted = Instant::now();
    let second = until_end(&task, len(sent.len()), interrupt, screen)?;
    let copied = count(second.duplicates, "record", "records");
    screen.scene(
        "caught up",
        &format!("{} more flights handled, {copied} dropped, {} dead letters", grouped(second.handled), second.dead_letters),
    );

    lines.extend(logs::read(&task.log, 2)?);
    let crash = Crash { at, restarted, durable, committed };
    let letters = letters::read(&cluster, interrupt)?;
    let kept = table::read(&task.inbox)?;
    let comeback = comeback::play((&cluster, folder), (&plan, len(sent.len())), interrupt, screen)?;
    let evidence = Evidence { comeback, plan, names: cluster.names.clone(), started, sent, crash, first, second, kept, letters, lines };
    let figures = check::judge(&evidence, if cluster.is_embedded() { "mock" } else { &cluster.brokers })?;
    Ok((figures, story::tell(&evidence)))
}

/// Runs the first process until the agreed number of flights, and kills it there.
fn until_half(task: &Task, interrupt: &Interrupt, screen: Screen) -> Result<(Counts, Instant), Failure> {
    let consuming = Consuming::start(task)?;
    screen.scene("consumer", &format!("process {}, group {}; each flight is one upsert in SQLite", consuming.pid(), task.group));
    let bar = screen.bar(task.say_at.unwrap_or_default(), "");
    let heard =
        consuming.listen(interrupt, |counts| bar.show(counts.recorded, if counts.recorded == 0 { "joining the group" } else { "" }))?;
    let Heard::Reached(counts) = heard else {
        return Err(Failure::Failed("the consuming process ended before half of the flights were handled".to_owned()));
    };
    consuming.kill()?;
    Ok((counts, Instant::now()))
}

/// Runs the second process to its end.
fn until_end(task: &Task, records: u64, interrupt: &Interrupt, screen: Screen) -> Result<Counts, Failure> {
    let consuming = Consuming::start(task)?;
    screen.scene("restart", &format!("process {}; the group waits for the dead one's session to end", consuming.pid()));
    let bar = screen.bar(records, "");
    let heard = consuming.listen(interrupt, |counts| {
        bar.show(counts.resolved(), if counts.resolved() == 0 { "the dead one's session times out" } else { "" });
    })?;
    let Heard::End(counts) = heard else {
        return Err(Failure::Failed("the consuming process spoke of half of the flights, though nobody asked".to_owned()));
    };
    consuming.join()?;
    Ok(counts)
}

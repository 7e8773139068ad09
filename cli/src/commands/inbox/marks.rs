//! Which marks are meant, and forgetting them.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use onceward::config::Settings;
use onceward::inbox::{Moved, Upkeep, inspect};
use onceward::kafka::{Identifier, TopicSettings};
use onceward::letter::{Reach, Scan, reaches, scan};
use serde::Serialize;

use crate::dlt::client;
use crate::exit::Failure;
use crate::output::Progress;

/// Ids that are looked for at once: 64 MiB of them.
const AT_ONCE: usize = 4 << 20;

/// Topics and how their events are known.
pub(super) struct Topics(Vec<(TopicSettings, Identifier)>);

/// One event id that was asked for.
#[derive(Serialize)]
pub(super) struct Event {
    pub(super) id: String,
    /// Where it is marked, or where it was looked for if it is not.
    pub(super) topics: Vec<String>,
    pub(super) marked: u64,
}

/// A stretch of time in one topic.
#[derive(Serialize)]
pub(super) struct Stretch {
    pub(super) topic: String,
    /// Records that were read.
    pub(super) records: u64,
    /// Marks of event ids. In a dry run an id that comes again millions of records later may count twice.
    pub(super) marks: u64,
    pub(super) partitions: Vec<Part>,
}

#[derive(Serialize)]
pub(super) struct Part {
    pub(super) partition: i32,
    pub(super) from: i64,
    pub(super) end: i64,
    /// What becomes of the remembered position; null: it lies before the stretch already.
    pub(super) moved: Option<Moved>,
}

impl Topics {
    /// Those that are named, else those that the group has read into this inbox.
    pub(super) fn named(settings: &Settings, path: &Path, names: &[String]) -> Result<Self, Failure> {
        let mut names = names.to_vec();
        if names.is_empty() {
            let positions = inspect(path)?.positions;
            names = positions.into_iter().filter(|position| position.group == settings.group).map(|position| position.topic).collect();
            names.dedup();
        }
        if names.is_empty() {
            return Err(Failure::NotFound(format!(
                "group {} has read no topic into {}; is it the right --group? `onceward inbox stats` shows them",
                settings.group,
                path.display()
            )));
        }
        let known = settings.topics_as_found(&names).into_iter();
        Ok(Self(known.map(|topic| (topic.clone(), Identifier::new(&settings.group, &topic))).collect()))
    }
}

/// Forgets single events; without `write`, only looks for them.
pub(super) fn forget_events(upkeep: &mut Upkeep, topics: &Topics, events: &[String], write: bool) -> Result<Vec<Event>, Failure> {
    let mut found = Vec::new();
    for id in events {
        let (mut there, mut marked) = (Vec::new(), 0_u64);
        for (topic, identifier) in &topics.0 {
            let ids = identifier.candidates(id);
            if ids.is_empty() {
                let why = format!(
                    "events of {} are known by their coordinates (event_id = \"coordinates\") and have no ids; name their time with --since",
                    topic.name
                );
                return Err(Failure::Usage(why));
            }
            let count = if write { upkeep.forget(&ids)? } else { upkeep.marked(&ids)? };
            if count > 0 {
                there.push(topic.name.clone());
                marked = marked.saturating_add(count);
            }
        }
        if there.is_empty() {
            there = topics.0.iter().map(|(topic, _)| topic.name.clone()).collect();
        }
        found.push(Event { id: id.clone(), topics: there, marked });
    }
    Ok(found)
}

/// Forgets what was written between two moments; without `write`, only counts. Interrupted, it can be asked again and goes on.
pub(super) fn forget_stretch(
    upkeep: &mut Upkeep,
    settings: &Settings,
    topics: &Topics,
    (since, until): (i64, Option<i64>),
    write: bool,
    timeout: Duration,
) -> Result<Vec<Stretch>, Failure> {
    let client = client(settings)?;
    // All of them first: a topic that is gone must not be found after others were forgotten.
    let found: Result<Vec<Vec<Reach>>, onceward::Error> =
        topics.0.iter().map(|(topic, _)| reaches(&client, &topic.name, (since, until), timeout)).collect();
    let mut stretches = Vec::new();
    for ((topic, identifier), parts) in topics.0.iter().zip(found?) {
        let name = topic.name.as_str();
        let mut stretch = Stretch { topic: name.to_owned(), records: 0, marks: 0, partitions: Vec::new() };
        let (mut ids, mut failed) = (Vec::new(), None);
        let progress = Progress::new("reading");
        let mut forget = |ids: &mut Vec<_>| {
            let count = if write { upkeep.forget(ids) } else { upkeep.marked(ids) };
            ids.clear();
            count
        };
        let what = Scan { client: &client, topic: name, only: None, parts: Some(&parts), timeout };
        scan(&what, |record, extent| {
            progress.at(extent.done, extent.total);
            stretch.records = stretch.records.saturating_add(1);
            ids.extend(identifier.marked_as(&record));
            if ids.len() >= AT_ONCE {
                match forget(&mut ids) {
                    Ok(count) => stretch.marks = stretch.marks.saturating_add(count),
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        stretch.marks = stretch.marks.saturating_add(forget(&mut ids)?);
        for Reach { partition, from, end } in parts {
            // Without an end, what was handled behind the end seen above is meant as well.
            let end_at = until.map(|_| end);
            let moved = if write {
                upkeep.forget_offsets(&settings.group, name, partition, from, end_at)?
            } else {
                upkeep.offsets(&settings.group, name, partition, from, end_at)?
            };
            stretch.partitions.push(Part { partition, from, end, moved });
        }
        stretches.push(stretch);
    }
    Ok(stretches)
}

//! The history of both services, judged by the checker: each event handled once, in order per key, none lost, whoever was killed when.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use onceward_tests::consumer_child::Link;
use onceward_tests::history::{self, Owner, Spot, Step, Writer};
use onceward_tests::{checker, kafka};
use rusqlite::Connection;

/// What the test itself sees and writes down.
pub(crate) struct Evidence {
    folder: PathBuf,
    history: Writer,
}

impl Evidence {
    pub(crate) fn new(folder: &Path) -> Self {
        let history = Writer::open(&folder.join("parent.jsonl"), "parent").unwrap();
        Self { folder: folder.to_owned(), history }
    }

    fn say(&self, step: Step) {
        self.history.write(0, step).unwrap();
    }

    /// What is committed by now must be durable by now.
    pub(crate) fn offsets(&self, link: &Link) {
        for (partition, next) in kafka::committed(&link.brokers, &link.group, &link.source) {
            self.say(Step::Committed { topic: link.source.clone(), partition, next });
        }
    }

    /// What stands in a topic, and what became durable of it in a service's file.
    pub(crate) fn gather(&self, link: &Link) {
        let mut copies: HashMap<String, Vec<Spot>> = HashMap::new();
        for record in kafka::read_all(&link.brokers, &link.source) {
            let (spot, id) = (Spot::new(link.source.clone(), record.partition, record.offset), record.header("onceward-id").unwrap());
            copies.entry(id.clone()).or_default().push(spot.clone());
            let key = record.key.map(|key| String::from_utf8(key).unwrap());
            self.say(Step::Produced { spot, key, id, digest: String::new(), aborted: false });
        }
        let database = Connection::open(&link.inbox).unwrap();
        let mut rows = database.prepare("SELECT at, part, record, lane, id, member, epoch FROM journal ORDER BY number").unwrap();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let at = row.get::<_, i64>(0).unwrap().unsigned_abs();
            let spot = Spot::new(link.source.clone(), row.get(1).unwrap(), row.get(2).unwrap());
            let (key, id): (_, String) = (Some(row.get(3).unwrap()), row.get(4).unwrap());
            let by = Owner { member: row.get(5).unwrap(), epoch: row.get(6).unwrap() };
            // What the relay sent twice is resolved by the same mark.
            for copy in copies[&id].iter().filter(|copy| **copy != spot) {
                self.history.write_past(at, 0, Step::Skipped { spot: copy.clone() }).unwrap();
            }
            self.history.write_past(at, 0, Step::Effect { spot, key, id, by }).unwrap();
        }
    }

    pub(crate) fn breaks_no_promise(&self) {
        let files = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect();
        let history = history::read(files.iter().map(PathBuf::as_path)).unwrap();
        let effects = history.iter().filter(|entry| matches!(entry.step, Step::Effect { .. })).count();
        let starts = history.iter().filter(|entry| matches!(entry.step, Step::Started { .. })).count();
        assert!(effects > 0 && starts >= effects, "{starts} starts and {effects} effects: the history is not complete");
        let violations = checker::check(&history);
        let shown: Vec<_> = violations.iter().take(10).map(ToString::to_string).collect();
        assert!(violations.is_empty(), "{} broken promises, see {}:\n{}", violations.len(), self.folder.display(), shown.join("\n"));
    }
}

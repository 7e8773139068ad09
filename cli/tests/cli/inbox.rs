//! What `onceward inbox` does to a file, without a broker.

use std::sync::Arc;
use std::time::Duration;

use onceward::config::Loader;
use onceward::inbox::{Inbox as _, SqliteInbox, SqliteSettings};
use onceward::kafka::Identifier;
use rusqlite::Connection;

use crate::run::{Answer, golden, onceward};

struct World(tempfile::TempDir);

impl World {
    /// Tables, a position of group billing in topic orders, and one mark: of the event e1, with the hash that this version gives it.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self(folder);
        world.open().close(Duration::from_secs(10)).unwrap();
        let made = Connection::open(world.0.path().join("billing.db")).unwrap();
        made.execute("INSERT INTO onceward_position VALUES ('billing', 'orders', 0, zeroblob(16), 7, x'', 1)", []).unwrap();
        let mark = format!("x'{}00000007'", e1());
        let year_9999 = 253_370_764_800_000_i64;
        made.execute_batch(&format!(
            "UPDATE onceward_meta SET value = 1 WHERE key = 'sequence'; INSERT INTO onceward_small VALUES (1, {year_9999}, {mark})"
        ))
        .unwrap();
        world
    }

    fn open(&self) -> SqliteInbox {
        SqliteInbox::open(SqliteSettings::new(self.0.path().join("billing.db"), "billing"), Arc::new(|_| {})).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Answer {
        onceward(self.0.path(), arguments, &[("ONCEWARD_INBOX", "sqlite:billing.db"), ("ONCEWARD_GROUP", "billing")])
    }
}

/// What `e1` of group billing and topic orders is marked as.
fn e1() -> String {
    let set = |loader: Loader, name: &str, value: &str| loader.set(&[name], serde_json::Value::String(value.to_owned()), "a test");
    let fields = [("brokers", "x:1"), ("group", "billing"), ("inbox", "memory"), ("auto_offset_reset", "error")];
    let settings = fields.into_iter().fold(Loader::new(), |loader, (name, value)| set(loader, name, value)).finish().unwrap();
    let topics = settings.topic_settings(&["orders"]);
    format!("{:032x}", Identifier::new("billing", &topics[0]).candidates("e1")[0].0)
}

#[test]
fn one_event_is_forgotten_when_it_is_said_twice() {
    let world = World::new();
    let dry = world.run(&["inbox", "forget", "--event", "e1", "--event", "e2"]);
    assert_eq!(dry.code, 1, "e2 is not marked: {}", dry.stderr);
    golden("inbox-forget.txt", &dry.stdout);
    let json = world.run(&["inbox", "forget", "--event", "e1", "--yes", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &document["done"], &document["events"][0]["marked"]), (0, &true.into(), &1.into()), "{}", json.stderr);
    assert_eq!(world.run(&["inbox", "forget", "--event", "e1"]).code, 1, "it is gone");
    assert_eq!(world.run(&["inbox", "forget", "--topic", "payments", "--event", "e1"]).code, 1);
}

#[test]
fn nothing_is_forgotten_under_a_consumer_and_everything_said_beside_it() {
    let world = World::new();
    let mut running = world.open();
    let refused = world.run(&["inbox", "forget", "--event", "e1", "--yes"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{}", refused.stderr);
    let pid = format!("(process {})", std::process::id());
    assert!(refused.stderr.contains("billing.db is in use by ") && refused.stderr.contains(&pid), "{}", refused.stderr);
    assert_eq!(world.run(&["inbox", "forget", "--event", "e1"]).code, 0, "a dry run disturbs nobody");

    let copied = world.run(&["inbox", "backup", "copy.db", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&copied.stdout).unwrap();
    assert_eq!((copied.code, &document["copy"]["marks"]), (0, &1.into()), "{}", copied.stderr);
    let again = world.run(&["inbox", "backup", "copy.db"]);
    assert!(again.code == 3 && again.stderr.contains("never replaces a file"), "{}", again.stderr);

    let pruned = world.run(&["inbox", "prune", "--yes", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&pruned.stdout).unwrap();
    assert_eq!((pruned.code, &document["marks"]), (0, &0.into()), "{}", pruned.stderr);
    assert!(document["kept"].as_str().unwrap().contains("is in use"), "{document:#}");
    running.close(Duration::from_secs(10)).unwrap();
}

#[test]
fn old_marks_are_counted_and_then_pruned() {
    let world = World::new();
    let made = Connection::open(world.0.path().join("billing.db")).unwrap();
    made.execute("UPDATE onceward_small SET bucket = 1700000000000", []).unwrap();
    drop(made);
    let dry = world.run(&["inbox", "prune"]);
    assert!(dry.code == 0 && dry.stdout.contains("1 marks are older than the retention of 7d"), "{}{}", dry.stdout, dry.stderr);
    let done = world.run(&["inbox", "prune", "--yes"]);
    assert!(
        done.code == 0 && done.stdout.contains("1 marks older than 7d") && !done.stdout.contains("in use"),
        "{}{}",
        done.stdout,
        done.stderr
    );
    assert!(world.run(&["inbox", "stats"]).stdout.contains("marks      0 in"));
}

#[test]
fn the_tables_are_printed_and_what_is_not_there_is_said() {
    let world = World::new();
    let sql = world.run(&["inbox", "ddl"]);
    assert_eq!(sql.code, 0);
    golden("inbox-ddl.sql", &sql.stdout);
    Connection::open_in_memory().unwrap().execute_batch(&sql.stdout).unwrap();
    let shared = world.run(&["inbox", "ddl", "--dialect", "postgres"]);
    assert!(shared.code == 0 && shared.stdout == onceward::inbox::postgres_ddl(), "{}", shared.stderr);
    let refused = world.run(&["inbox", "ddl", "--dialect", "mysql"]);
    assert!(refused.code == 2 && refused.stdout.is_empty() && refused.stderr.contains("--dialect postgres"), "{}", refused.stderr);
}

#[test]
fn what_makes_no_sense_is_said_before_anything_is_asked() {
    let world = World::new();
    for (arguments, hint) in [
        (&["forget"][..], "name what to forget"),
        (&["forget", "--since", "tuesday"], "2026-11-17T08:30"),
        (&["forget", "--since", "1h", "--until", "2h", "--brokers", "127.0.0.1:1"], "--until must lie behind --since"),
        (&["forget", "--event", "e1", "--since", "1h"], "cannot be used with"),
    ] {
        let answer = world.run(&[&["inbox"], arguments].concat());
        assert!(answer.code == 2 && answer.stderr.contains(hint), "{arguments:?}: {}", answer.stderr);
    }
    let stranger = onceward(
        world.0.path(),
        &["inbox", "forget", "--event", "e1"],
        &[("ONCEWARD_INBOX", "sqlite:billing.db"), ("ONCEWARD_GROUP", "shipping")],
    );
    assert!(stranger.code == 1 && stranger.stderr.contains("has read no topic into"), "{}", stranger.stderr);
    let away = world.run(&["inbox", "forget", "--since", "1h", "--brokers", "127.0.0.1:1", "--timeout", "1"]);
    assert!(away.code == 3 && away.stderr.contains("looking up offsets of orders"), "{}", away.stderr);
}

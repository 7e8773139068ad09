//! A replay tried on a service: its handlers run, and nothing of it stays.

use std::path::{Path, PathBuf};
use std::time::Duration;

use onceward::config::raw::AfterDeadLetter;
use onceward::{AutoOffsetReset, Backoff, Builder, Consumer, Event, Failure, Publish};
use rdkafka::message::OwnedHeaders;
use serde_json::Value;

use crate::ledger::World;
use crate::run::{Answer, onceward};

/// As `main` of a service has it. Values with `bad` in them fail as long as it is not mended.
fn service(builder: Builder, topic: &str, inbox: &Path, mended: bool) -> Consumer {
    let builder = builder
        .group("billing")
        .inbox(format!("sqlite:{}", inbox.display()))
        .auto_offset_reset(AutoOffsetReset::Earliest)
        // What a dry run of seconds would never wait for.
        .retry(
            Backoff::new().attempts(3).first(Duration::from_secs(3_600)).max(Duration::from_secs(3_600)).total(Duration::from_secs(86_400)),
        )
        .kafka("session.timeout.ms", "6000")
        .setup_sql(["CREATE TABLE IF NOT EXISTS invoice(id TEXT PRIMARY KEY)", "CREATE TABLE IF NOT EXISTS paid(id TEXT)"])
        .configure(|config| config.topics.entry(topic.to_owned()).or_default().after_dead_letter = Some(AfterDeadLetter::Hold));
    builder.build().unwrap().on(topic.to_owned(), move |event: Event| async move {
        // Real time: a clock that is simulated would strike with the handler's timeout here.
        tokio::task::yield_now().await;
        let value = String::from_utf8_lossy(event.value().unwrap()).into_owned();
        if value.contains("bad") && !mended {
            return Err(Failure::reject("no total"));
        }
        if event.replayed() {
            // Refers to a row that the service wrote before: only a copy of its tables has it.
            event.effect_expecting(1, "INSERT INTO paid SELECT id FROM invoice WHERE id = 'one'", ());
        }
        event.effect("INSERT INTO invoice VALUES (?)", (value.clone(),));
        event.publish(Publish::to("invoices-of-nobody").value(value));
        Ok(())
    })
}

/// Not a test of its own: what the command starts, in a process of its own.
#[test]
fn the_service_that_is_tried() {
    let Ok(topic) = std::env::var("TRIED_TOPIC") else { return };
    let (inbox, mended) = (PathBuf::from(std::env::var("TRIED_INBOX").unwrap()), std::env::var("TRIED_MENDED").is_ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // Nobody answers there: a dry run asks nobody.
    let app = service(Consumer::builder().brokers("127.0.0.1:1"), &topic, &inbox, mended);
    runtime.block_on(app.run(std::future::pending())).unwrap();
}

struct Shop {
    world: World,
    folder: tempfile::TempDir,
}

impl Shop {
    fn inbox(&self) -> PathBuf {
        self.folder.path().join("inbox.db")
    }

    /// What is in the tables, in order.
    fn invoices(&self) -> Vec<String> {
        let file = rusqlite::Connection::open(self.inbox()).unwrap();
        let mut query = file.prepare("SELECT id FROM invoice UNION ALL SELECT 'paid ' || id FROM paid ORDER BY 1").unwrap();
        query.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// `--dry-run-handler` with a service of this kind.
    fn dry_run(&self, flags: &[&str], settings: &[&str]) -> Answer {
        let exe = std::env::current_exe().unwrap().display().to_string();
        let (topic, inbox) = (format!("TRIED_TOPIC={}", self.world.topic), format!("TRIED_INBOX={}", self.inbox().display()));
        let mut arguments = vec!["dlt", "replay", "--brokers", &self.world.brokers, "--group", "billing", "--topic", &self.world.topic];
        arguments.extend(flags);
        arguments.extend(["--dry-run-handler", "--", "/usr/bin/env", &topic, &inbox]);
        arguments.extend(settings);
        arguments.extend([&exe, "--exact", "tried::the_service_that_is_tried", "--nocapture"]);
        onceward(self.folder.path(), &arguments, &[])
    }

    fn tried(&self, settings: &[&str], code: i32) -> Value {
        let answer = self.dry_run(&["--json"], settings);
        assert_eq!(answer.code, code, "{}{}", answer.stdout, answer.stderr);
        serde_json::from_str(&answer.stdout).unwrap()
    }
}

/// One event was handled, one failed, and one is held behind it.
fn failed() -> Shop {
    let shop = Shop { world: World::new(), folder: tempfile::tempdir().unwrap() };
    for value in ["one", "bad", "two"] {
        shop.world.store(&shop.world.topic, 1, Some(b"a"), Some(value.as_bytes()), OwnedHeaders::new());
    }
    shop.world.flush();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let builder = Consumer::builder().brokers(shop.world.brokers.clone());
    let summary =
        runtime.block_on(service(builder, &shop.world.topic, &shop.inbox(), false).run_until_end(std::future::pending())).unwrap();
    assert_eq!((summary.handled, summary.dead_letters), (1, 2));
    shop
}

#[test]
fn a_replay_that_is_tried_says_what_would_become_of_each_letter_and_leaves_nothing() {
    let shop = failed();
    let before = (shop.invoices(), shop.world.read(&shop.world.ledger()).len());
    assert_eq!(before.0, ["one"]);

    let tried = shop.tried(&[], 1);
    assert_eq!((&tried["handled"], &tried["failed"], &tried["behind"]), (&0.into(), &1.into(), &1.into()), "{tried:#}");
    let (failed, behind) = (&tried["letters"][0], &tried["letters"][1]);
    assert_eq!((&failed["outcome"], &failed["reason"], &failed["message"]), (&"failed".into(), &"rejected".into(), &"no total".into()));
    assert_eq!((&behind["outcome"], &behind["letter_id"]), (&"behind".into(), &shop.world.id(1, 2).into()));
    assert_eq!(tried["causes"][0]["count"], 1);

    let tried = shop.tried(&["TRIED_MENDED=1"], 0);
    assert_eq!((&tried["handled"], &tried["failed"], &tried["expired"]), (&2.into(), &0.into(), &0.into()), "{tried:#}");
    assert_eq!((&tried["letters"][0]["outcome"], &tried["letters"][0]["publishes"]), (&"handled".into(), &1.into()), "{tried:#}");

    let after = (shop.invoices(), shop.world.read(&shop.world.ledger()).len());
    assert_eq!(after, before, "neither table nor ledger has changed");
    assert_eq!(shop.world.json(&["dlt", "list"], 0)["letters"], 2);
    let people = shop.dry_run(&["--letter", &shop.world.id(1, 1)], &["TRIED_MENDED=1"]);
    assert!(people.stdout.starts_with("2 would be handled\n") && people.stdout.contains("nothing was marked"), "{}", people.stdout);
    let none = shop.dry_run(&["--letter", &shop.world.id(1, 2)], &[]);
    assert!(none.code == 1 && none.stderr.contains("no letter fits"), "a follower alone does not run: {}", none.stderr);
}

#[test]
fn a_service_that_says_nothing_is_told_from_one_that_agrees() {
    let shop = failed();
    let mut arguments = vec!["dlt", "replay", "--brokers", &shop.world.brokers, "--group", "billing", "--topic", &shop.world.topic];
    arguments.extend(["--dry-run-handler", "--", "true"]);
    let answer = onceward(shop.folder.path(), &arguments, &[("PATH", "/usr/bin:/bin")]);
    assert!(answer.code == 3 && answer.stderr.contains("said nothing of the letters"), "{}", answer.stderr);
    let answer = onceward(shop.folder.path(), &["dlt", "replay", "--yes", "--dry-run-handler", "--", "true"], &[]);
    assert!(answer.code == 2 && answer.stderr.contains("cannot be used with"), "{}", answer.stderr);
}

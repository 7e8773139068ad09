//! Several handles and several processes on one file, and one that dies.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use onceward::inbox::{InboxFact, Statement, Value};
use onceward_engine::{Digest, Epoch, MarkResult, Offset, PartitionId};
use rusqlite::Connection;
use tempfile::tempdir;

use super::rig::{LONG, Rig, at, id, name, settings};

const FILE: &str = "ONCEWARD_TEST_INBOX";
const MEMBERS: u64 = 3;
const SHARED: u64 = 6_000;

#[test]
fn what_is_marked_is_seen_after_closing_and_opening_again() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut next = 0;
    for size in [1, 40, 1_000, 9_000, 5] {
        let mut rig = Rig::sqlite(settings(&path));
        assert!((0..next).step_by(7).all(|seed| rig.seen(id(seed)) == Some(Digest(7))));
        rig.keep(next..next + size);
        next += size;
        assert_eq!(rig.inbox.stats().marks, next);
        rig.close();
    }
}

#[test]
fn positions_survive_and_groups_keep_their_own() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.catch_up(1, &name(1));
    let marks = (10..20).map(|offset| rig.prepare(at(offset), 1)).collect();
    rig.write(marks);
    // Committed alone, without a mark that could carry it: closing writes it.
    rig.inbox.committed(PartitionId(0), Epoch(1), Offset(15));
    rig.close();
    let mut rig = Rig::sqlite(settings(&path));
    assert_eq!(rig.catch_up(1, &name(1)), (Some(Offset(15)), false));
    assert!(rig.seen(at(3)).is_some() && rig.seen(at(19)).is_some() && rig.seen(at(20)).is_none());
    rig.close();
    let mut other = settings(&path);
    other.group = "shipping".to_owned();
    let mut rig = Rig::sqlite(other);
    assert_eq!(rig.catch_up(1, &name(1)), (None, false));
    assert!(rig.seen(at(3)).is_none());
}

#[test]
fn a_mark_of_another_handle_is_a_duplicate_even_before_catching_up() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let (mut first, mut second) = (Rig::sqlite(settings(&path)), Rig::sqlite(settings(&path)));
    // Its housekeeping after open, which looks around too, is over with the second of these.
    second.keep([70_000]);
    second.keep([70_001]);
    first.keep(0..2_000);
    first.keep([5_000]);
    let marks = [5, 5_000, 9_000].map(|seed| second.prepare(id(seed), 8)).into_iter().collect();
    let duplicate = MarkResult::Duplicate { digest: Digest(7) };
    assert_eq!(second.write(marks), [duplicate, duplicate, MarkResult::Durable]);
    assert_eq!(second.seen(id(5)), Some(Digest(7)));
    assert_eq!(second.seen(id(9_000)), Some(Digest(8)));
}

#[test]
fn marks_of_another_handle_beyond_what_memory_holds_are_duplicates_all_the_same() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut few = settings(&path);
    few.foreign_ids = 100;
    let (mut first, mut second) = (Rig::sqlite(settings(&path)), Rig::sqlite(few));
    // Its housekeeping after open, which looks around too, is over with the second of these.
    second.keep([700_000]);
    second.keep([700_001]);
    // Several pieces of news, the last of which alone fits; segments and small rows.
    first.keep(0..20_000);
    first.keep(20_000..90_000);
    first.keep(90_000..90_050);
    let seeds = [5, 19_999, 20_001, 89_999, 90_001, 99_000];
    let marks = seeds.map(|seed| second.prepare(id(seed), 8)).into_iter().collect();
    let duplicate = MarkResult::Duplicate { digest: Digest(7) };
    assert_eq!(second.write(marks), [duplicate, duplicate, duplicate, duplicate, duplicate, MarkResult::Durable]);
    assert!((0..90_050).step_by(77).all(|seed| second.seen(id(seed)) == Some(Digest(7))));
}

#[test]
fn catching_up_shows_everything_that_others_marked() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let (mut first, mut second) = (Rig::sqlite(settings(&path)), Rig::sqlite(settings(&path)));
    first.catch_up(1, &name(1));
    first.keep(0..3_000);
    first.keep(3_000..3_005);
    let mark = first.prepare(at(50), 1);
    first.write(vec![mark]);
    // The position is part of it: nothing committed, yet one offset handled.
    assert_eq!(second.catch_up(1, &name(1)), (None, false));
    assert!((0..3_005).step_by(5).all(|seed| second.seen(id(seed)) == Some(Digest(7))));
    assert!(second.seen(at(50)).is_some());
    // A member that lost the partition and does not know it yet: neither forgets what the other wrote.
    let late = first.prepare(at(51), 1);
    let mark = second.prepare(at(52), 1);
    assert_eq!(second.write(vec![mark]), [MarkResult::Durable]);
    let copy = first.prepare(at(52), 1);
    assert_eq!(first.write(vec![late, copy])[0], MarkResult::Durable);
    second.catch_up(2, &name(1));
    assert!([50, 51, 52].iter().all(|&offset| second.seen(at(offset)).is_some()));
}

#[test]
fn folding_and_merging_by_one_handle_hides_nothing_from_another() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let (mut first, mut second) = (Rig::sqlite(settings(&path)), Rig::sqlite(settings(&path)));
    let mut next = 0;
    // 70 segments of one size, and small groups enough to fold.
    for size in std::iter::repeat_n(17_000, 70).chain(std::iter::repeat_n(4_000, 70)) {
        first.keep(next..next + size);
        next += size;
        if next.is_multiple_of(1_100) {
            assert_eq!(second.seen(id(next + 1)), None);
        }
    }
    assert!(first.inbox.stats().segments < 70, "nothing was merged: {:?}", first.inbox.stats());
    second.catch_up(1, &name(1));
    for seed in (0..next).step_by(301) {
        assert_eq!(second.seen(id(seed)), Some(Digest(7)), "{seed}");
        assert_eq!(first.seen(id(seed)), Some(Digest(7)), "{seed}");
    }
    first.close();
    second.close();
    let conn = Connection::open(&path).unwrap();
    let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let mut third = Rig::sqlite(settings(&path));
    assert_eq!(third.inbox.stats().marks, next);
    assert!((0..next).step_by(1_003).all(|seed| third.seen(id(seed)) == Some(Digest(7))));
}

/// This test binary again, running one ignored test as another process.
fn spawn(test: &str, path: &Path, member: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FILE, path)
        .env("ONCEWARD_TEST_MEMBER", member.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a spawned process was told; `None` when somebody runs ignored tests by hand.
fn told() -> Option<(PathBuf, u64)> {
    Some((std::env::var_os(FILE)?.into(), std::env::var("ONCEWARD_TEST_MEMBER").ok()?.parse().ok()?))
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

fn ledger_settings(path: &Path) -> onceward::inbox::SqliteSettings {
    let mut settings = settings(path);
    settings.setup_sql = vec!["CREATE TABLE IF NOT EXISTS handled(seed INTEGER, member INTEGER)".to_owned()];
    settings
}

#[test]
#[ignore = "a process of the test below"]
fn member_marks_everything() {
    let Some((path, member)) = told() else { return };
    let mut rig = Rig::sqlite(ledger_settings(&path));
    let mut durable = 0;
    for start in (0..SHARED).step_by(50) {
        // Each member walks through the ids in its own order.
        let seeds: Vec<u64> = (start..start + 50).map(|step| (step * (2 * member + 7) + member * 997) % SHARED).collect();
        let marks = seeds
            .iter()
            .map(|&seed| {
                let mut mark = rig.prepare(id(seed), member as u32);
                let params = vec![Value::Integer(seed as i64), Value::Integer(member as i64)];
                mark.statements = vec![Statement { sql: "INSERT INTO handled VALUES (?, ?)".into(), params, expect_rows: None }];
                mark
            })
            .collect();
        durable += rig.write(marks).iter().filter(|result| **result == MarkResult::Durable).count();
    }
    rig.inbox.close(LONG).unwrap();
    say(&format!("durable {durable}"));
}

#[test]
fn three_processes_that_handle_the_same_events_commit_each_effect_once() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    // 6,000 shares no factor with 7, 11 and 13, so that each member meets every id.
    let children: Vec<Child> =
        [0, 2, 3].into_iter().take(MEMBERS as usize).map(|member| spawn("sharing::member_marks_everything", &path, member)).collect();
    let mut durable = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let count = text.lines().find_map(|line| line.split_once("durable ")).unwrap().1;
        durable += count.trim().parse::<u64>().unwrap();
    }
    assert_eq!(durable, SHARED);
    let conn = Connection::open(&path).unwrap();
    let (rows, distinct): (i64, i64) =
        conn.query_row("SELECT count(*), count(DISTINCT seed) FROM handled", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!((rows, distinct), (SHARED as i64, SHARED as i64));
}

#[test]
#[ignore = "a process of the test below"]
fn member_marks_until_killed() {
    let Some((path, start)) = told() else { return };
    let mut rig = Rig::sqlite(ledger_settings(&path));
    let mut seed = start;
    loop {
        // Groups of every kind: single rows, small rows, segments.
        let size = [1, 10, 17_000, 300][(seed % 4) as usize];
        let marks: Vec<_> = (seed..seed + size)
            .map(|seed| {
                let mut mark = rig.prepare(id(seed), 7);
                mark.statements = vec![Statement {
                    sql: "INSERT INTO handled VALUES (?, 0)".into(),
                    params: vec![Value::Integer(seed as i64)],
                    expect_rows: None,
                }];
                mark
            })
            .collect();
        marks.into_iter().for_each(|mark| rig.inbox.mark(mark));
        rig.inbox.flush();
        // Without waiting: groups are under way whenever the kill comes.
        while !rig.no_fact() {
            if let InboxFact::Marked(marks) = rig.fact() {
                say(&format!("acked {}", marks.last().unwrap().delivery.slot));
            }
        }
        seed += size;
    }
}

#[test]
fn what_was_reported_durable_survives_kill_9_with_its_effects() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut acked: HashMap<u64, u64> = HashMap::new();
    for round in 0..5_u64 {
        let start = round * 10_000_000;
        let mut child = spawn("sharing::member_marks_until_killed", &path, start);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines {
            let line = line.unwrap();
            if let Some((_, slot)) = line.split_once("acked ") {
                acked.insert(start, slot.trim().parse().unwrap());
                if acked[&start] > 3_000 * (round + 1) {
                    break;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut rig = Rig::sqlite(settings(&path));
    let conn = Connection::open(&path).unwrap();
    let mut row = conn.prepare("SELECT count(*) FROM handled WHERE seed >= ?1 AND seed < ?2").unwrap();
    for (start, count) in acked {
        assert!((start..start + count).all(|seed| rig.seen(id(seed)) == Some(Digest(7))));
        let effects: i64 = row.query_row([start as i64, (start + count) as i64], |row| row.get(0)).unwrap();
        assert_eq!(effects as u64, count);
    }
    // What was not acknowledged is there as a whole or not at all, and never twice.
    let (rows, distinct): (i64, i64) =
        conn.query_row("SELECT count(*), count(DISTINCT seed) FROM handled", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(rows, distinct);
    assert_eq!(rig.inbox.stats().marks, rows as u64);
}

//! Bad days: a server that dies, sessions that are cut, writes that are forbidden. Nothing is lost, and no effect comes twice.

use std::sync::mpsc;
use std::time::Duration;

use onceward::inbox::{InboxError, InboxFact, Marked, Statement, Value};
use onceward_engine::{Digest, MarkResult};

use super::rig::{LONG, Rig, at, id, name, postgres};
use super::server::{Server, shared};

const EFFECTS: &str = "CREATE TABLE IF NOT EXISTS t(seed bigint)";

fn put(rig: &mut Rig, seed: u64) {
    let mut mark = rig.prepare(id(seed), 7);
    mark.lane = u128::from(seed);
    let params = vec![Value::Integer(seed as i64)];
    mark.statements = vec![Statement { sql: "INSERT INTO t VALUES (?)".into(), params, expect_rows: Some(1) }];
    rig.inbox.mark(mark);
}

/// Waits for that many decided marks, however often the store is down meanwhile; answers how often it was.
fn decided(rig: &Rig, count: usize) -> (Vec<Marked>, u32) {
    let (mut decided, mut downs, mut down) = (Vec::new(), 0, false);
    while decided.len() < count || down {
        match rig.fact() {
            InboxFact::Marked(marks) => decided.extend(marks),
            InboxFact::Down { why } => {
                assert!(!why.contains("hunter2") && why.contains("postgres://127.0.0.1") && !down, "{why}");
                (downs, down) = (downs + 1, true);
            }
            InboxFact::Up => down = false,
            other => panic!("{other:?}"),
        }
    }
    (decided, downs)
}

/// Durable, or found to be so when the commit's answer was lost.
fn stands(marked: &Marked) -> bool {
    matches!(marked.result, MarkResult::Durable | MarkResult::Duplicate { digest: Digest(7) })
}

#[test]
fn a_server_that_dies_and_comes_back_has_every_effect_once() {
    const EVENTS: u64 = 20_000;
    let mut server = Server::start();
    let database = server.database();
    let (url, here) = (database.url(), database.name);
    let mut settings = postgres(&url);
    settings.setup_sql = vec![EFFECTS.to_owned()];
    settings.group_size = 200;
    let mut rig = Rig::postgres(settings);
    rig.catch_up(1, &name(1));
    let (died, deaths) = mpsc::channel();
    let killer = std::thread::spawn(move || {
        for _ in 0..3 {
            // While groups are under way: said by the marks below.
            deaths.recv().unwrap();
            server.kill();
            server.again();
        }
        server
    });
    let (mut all, mut downs) = (Vec::new(), 0);
    for start in (0..EVENTS).step_by(5_000) {
        for seed in start..start + 5_000 {
            put(&mut rig, seed);
            if seed % 100 == 0 {
                rig.inbox.flush();
            }
        }
        rig.inbox.flush();
        // Nobody listens in the last round.
        died.send(()).unwrap_or_default();
        let (marks, times) = decided(&rig, 5_000);
        (all, downs) = (all.into_iter().chain(marks).collect(), downs + times);
    }
    let server = killer.join().unwrap();
    assert!(all.iter().all(stands) && downs > 0, "{downs}");
    assert_eq!(all.len() as u64, EVENTS);
    assert_eq!(server.psql(&here, "SELECT count(*), count(DISTINCT seed) FROM t"), format!("{EVENTS}|{EVENTS}"));
    assert_eq!(server.psql(&here, "SELECT count(*) FROM onceward_mark"), EVENTS.to_string());
    assert_eq!(rig.seen(id(19_999)), Some(Digest(7)));
    rig.close();
}

#[test]
fn sessions_that_are_cut_again_and_again_lose_and_double_nothing() {
    const EVENTS: u64 = 4_000;
    let database = shared().database();
    let mut settings = postgres(&database.url());
    settings.setup_sql = vec![EFFECTS.to_owned()];
    settings.group_size = 50;
    let mut rig = Rig::postgres(settings);
    rig.catch_up(1, &name(1));
    let cut = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}' AND application_name = 'onceward'",
        database.name
    );
    let mut all = Vec::new();
    for start in (0..EVENTS).step_by(500) {
        for seed in start..start + 500 {
            put(&mut rig, seed);
            let mark = rig.prepare(at(seed as i64), 7);
            rig.inbox.mark(mark);
            if seed % 50 == 0 {
                rig.inbox.flush();
            }
        }
        rig.inbox.flush();
        database.server.psql("postgres", &cut);
        all.extend(decided(&rig, 1_000).0);
    }
    assert!(all.iter().all(stands));
    assert_eq!(database.sql("SELECT count(*), count(DISTINCT seed) FROM t"), format!("{EVENTS}|{EVENTS}"));
    rig.catch_up(2, &name(1));
    assert!((0..EVENTS as i64).all(|offset| rig.seen(at(offset)).is_some()));
    rig.close();
}

#[test]
fn a_database_that_takes_no_writes_pauses_and_goes_on_by_itself() {
    let database = shared().database();
    let mut settings = postgres(&database.url());
    settings.setup_sql = vec![EFFECTS.to_owned()];
    let mut rig = Rig::postgres(settings);
    put(&mut rig, 1);
    rig.inbox.flush();
    assert_eq!(decided(&rig, 1).1, 0);
    let alter = |on: &str| {
        database.server.psql("postgres", &format!("ALTER DATABASE {} SET default_transaction_read_only = {on}", database.name));
        let cut = format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}'", database.name);
        database.server.psql("postgres", &cut);
    };
    alter("on");
    put(&mut rig, 2);
    rig.inbox.flush();
    match rig.fact() {
        InboxFact::Down { why } => assert!(why.contains("postgres://127.0.0.1"), "{why}"),
        other => panic!("{other:?}"),
    }
    // What was durable is still known, and what is queued is neither new nor durable.
    alter("off");
    assert!(matches!(rig.fact(), InboxFact::Up));
    assert_eq!(decided(&rig, 1).0[0].result, MarkResult::Durable);
    assert_eq!(database.sql("SELECT string_agg(seed::text, ' ' ORDER BY seed) FROM t"), "1 2");
    rig.close();
}

#[test]
fn a_transaction_that_locks_our_row_is_waited_for() {
    let database = shared().database();
    let mut settings = postgres(&database.url());
    settings.setup_sql =
        vec![EFFECTS.to_owned(), "CREATE TABLE IF NOT EXISTS one(n int)".to_owned(), "INSERT INTO one VALUES (0)".to_owned()];
    let mut rig = Rig::postgres(settings);
    let mut mark = rig.prepare(id(1), 7);
    mark.statements = vec![Statement { sql: "UPDATE one SET n = n + 1".into(), params: Vec::new(), expect_rows: Some(1) }];
    let url = database.url();
    let (held, holding) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            let driving = tokio::spawn(connection);
            client.batch_execute("BEGIN; UPDATE one SET n = n + 10").await.unwrap();
            held.send(()).unwrap();
            tokio::task::spawn_blocking(move || told.recv().unwrap()).await.unwrap();
            client.batch_execute("COMMIT").await.unwrap();
            driving.abort();
        });
    });
    holding.recv().unwrap();
    rig.inbox.mark(mark);
    rig.inbox.flush();
    assert!(rig.no_fact());
    go_on.send(()).unwrap();
    assert_eq!(decided(&rig, 1).0[0].result, MarkResult::Durable);
    other.join().unwrap();
    assert_eq!(database.sql("SELECT n FROM one"), "11");
}

#[test]
fn closing_does_not_wait_beyond_its_deadline() {
    let mut server = Server::start();
    let url = server.database().url();
    let mut rig = Rig::postgres(postgres(&url));
    rig.keep([1]);
    server.kill();
    (2..5).for_each(|seed| {
        let mark = rig.prepare(id(seed), 7);
        rig.inbox.mark(mark);
    });
    let error = rig.inbox.close(Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, InboxError::CloseTimedOut { left: 3, .. }), "{error}");
}

#[test]
fn an_inbox_whose_tables_vanish_is_broken_and_says_so() {
    let database = shared().database();
    let mut rig = Rig::postgres(postgres(&database.url()));
    rig.keep([1]);
    database.sql("DROP TABLE onceward_mark");
    let mark = rig.prepare(id(2), 7);
    rig.inbox.mark(mark);
    rig.inbox.flush();
    match rig.fact() {
        InboxFact::Broken(error) => assert!(error.to_string().contains("onceward_mark"), "{error}"),
        other => panic!("{other:?}"),
    }
    assert!(rig.inbox.close(LONG).is_err());
}

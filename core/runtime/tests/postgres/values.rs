//! Parameters arrive as what the column is, and columns come back as what a handler can take.

use onceward::inbox::{Statement, Value};
use onceward_engine::MarkResult;

use super::rig::{Rig, id, postgres};
use super::server::shared;

const TABLE: &str = "CREATE TABLE v(n int, whole bigint, real double precision, yes boolean, word text, bytes bytea, at timestamptz, \
                     day date, price numeric(20,4), doc jsonb, who uuid, clock time)";

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn each_kind_of_value_goes_in_and_comes_out_again() {
    let database = shared().database();
    let mut settings = postgres(&database.url());
    settings.setup_sql = vec![TABLE.to_owned()];
    let mut rig = Rig::postgres(settings);
    let rows = [
        vec![
            Value::Integer(1),
            Value::Integer(i64::MIN),
            Value::Real(-0.1),
            Value::Integer(1),
            text("it's ? \"ü\" \\ 日本"),
            Value::Blob(vec![0, 255, 39, 92]),
            text("2026-11-24T03:00:00.5+01:00"),
            text("2024-02-29"),
            text("1234567890123.4567"),
            text("{\"a\": [1, null]}"),
            text("018f0000-0000-7000-8000-000000000001"),
            text("23:59:59.000001"),
        ],
        vec![
            Value::Integer(2),
            Value::Integer(i64::MAX),
            Value::Real(1e300),
            Value::Integer(0),
            text(""),
            Value::Blob(Vec::new()),
            text("1969-12-31T23:59:59Z"),
            text("1900-03-01"),
            text("-0.0012"),
            text("\"x\""),
            text("ffffffff-ffff-ffff-ffff-ffffffffffff"),
            text("00:00:00"),
        ],
        std::iter::once(Value::Integer(3)).chain(std::iter::repeat_n(Value::Null, 11)).collect(),
    ];
    let marks = rows.iter().zip(1..).map(|(row, seed)| {
        let mut mark = rig.prepare(id(seed), 1);
        let sql = "INSERT INTO v VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)".into();
        mark.statements = vec![Statement { sql, params: row.clone(), expect_rows: Some(1) }];
        mark
    });
    let marks = marks.collect();
    assert_eq!(rig.write(marks), [MarkResult::Durable; 3]);
    let mut expected = rows.to_vec();
    expected[0][6] = text("2026-11-24T02:00:00.500000Z");
    expected[1][6] = text("1969-12-31T23:59:59Z");
    let queries = rig.inbox.queries().unwrap();
    assert_eq!(queries.run("SELECT * FROM v WHERE n < ? ORDER BY n", &[Value::Integer(99)]).unwrap(), expected);
}

#[test]
fn numbers_that_postgres_packs_are_read_as_they_are_written() {
    let database = shared().database();
    let rig = Rig::postgres(postgres(&database.url()));
    let queries = rig.inbox.queries().unwrap();
    for number in ["0", "0.00", "1", "-1", "10000", "99999999.9999", "0.0001", "0.00001234", "-12345.6", "1000000000000000000000.5", "NaN"]
    {
        let found = queries.run("SELECT ?::numeric, ?::numeric::text", &[text(number), text(number)]).unwrap().remove(0);
        assert_eq!(found[0], found[1], "{number}");
    }
    for day in ["2000-01-01", "1970-01-01", "2024-12-31", "1582-10-15", "0001-01-01", "9999-12-31"] {
        assert_eq!(queries.run("SELECT ?::date", &[text(day)]).unwrap(), [[text(day)]], "{day}");
    }
}

#[test]
fn a_query_reads_what_is_committed_and_nothing_more() {
    let database = shared().database();
    let mut settings = postgres(&format!("{}?max_connections=3", database.url()));
    settings.setup_sql = vec!["CREATE TABLE t(k int)".to_owned()];
    let rig = Rig::postgres(settings);
    let queries = rig.inbox.queries().unwrap();
    for (wrong, hint) in [
        ("INSERT INTO t VALUES (1)", "only reads"),
        ("COMMIT", "may not begin or end transactions"),
        ("SELECT * FROM onceward_mark", "onceward_"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT ARRAY[1]", "::text"),
        ("SELECT ?", "1 placeholders and was given 0"),
    ] {
        let said = queries.run(wrong, &[]).unwrap_err();
        assert!(said.contains(hint) && said.contains(wrong), "{said}");
    }
    // One connection is left for queries, and each waits for its turn; none is lost to an error.
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let queries = queries.clone();
            std::thread::spawn(move || queries.run("SELECT count(*) FROM t", &[]))
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == Ok(vec![vec![Value::Integer(0)]])));
    let here = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND application_name = 'onceward'", database.name);
    assert!(database.server.psql("postgres", &here).parse::<u32>().unwrap() <= 3);
}

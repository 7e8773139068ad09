//! Which rows there are, and what is compared with what.

/// Client settings of every row that polls by hand, the same that Onceward uses.
pub(crate) const FETCH: &[(&str, &str)] = &[("fetch.queue.backoff.ms", "2"), ("queued.max.messages.kbytes", "16384")];
/// Those that Onceward sets by itself.
pub(crate) const OWNED: &[&str] = &["fetch.queue.backoff.ms", "queued.max.messages.kbytes"];

/// A topic that rows read.
pub(crate) struct Topic {
    pub(crate) name: &'static str,
    pub(crate) count: u64,
    /// Failing records per thousand.
    pub(crate) poison: u64,
    /// Copies per thousand.
    pub(crate) copies: u64,
    /// How many of the keys fail, instead of single records.
    pub(crate) poison_keys: u64,
}

/// Made once per broker.
pub(crate) const TOPICS: &[Topic] = &[
    Topic { name: "bench-plain", count: 3_000_000, poison: 0, copies: 10, poison_keys: 0 },
    Topic { name: "bench-poison", count: 3_000_000, poison: 10, copies: 0, poison_keys: 0 },
    Topic { name: "bench-held", count: 3_000_000, poison: 0, copies: 0, poison_keys: 20 },
    Topic { name: "bench-letters", count: 100_000, poison: 1_000, copies: 0, poison_keys: 0 },
    Topic { name: "bench-long", count: 11_000_000, poison: 0, copies: 0, poison_keys: 0 },
];

/// One row.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Which program row it is: `base`, `hand`, `onceward` or `replay`.
    pub(crate) program: &'static str,
    pub(crate) topic: &'static str,
    pub(crate) count: u64,
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// Start from an inbox with 10 million ids.
    pub(crate) filled: bool,
}

const fn row(
    name: &'static str,
    program: &'static str,
    topic: &'static str,
    count: u64,
    environment: &'static [(&'static str, &'static str)],
) -> Row {
    Row { name, program, topic, count, environment, filled: false }
}

/// Handlers that never end, until so many records are in flight: what the second needs more is what the records cost. Without replays
/// the whole credit is theirs.
pub(crate) const HELD: (u64, u64) = (10_000, 110_000);
pub(crate) const FEW_HELD: &str = "10,000 records in flight";
pub(crate) const MANY_HELD: &str = "110,000 records in flight";

/// Ten million records after a first one. By id the filter of the inbox grows with them, up to `filter_memory`; by place nothing should.
pub(crate) const LONG: [&str; 2] = ["no-op, SQLite inbox, 11 million records by id", "no-op, SQLite inbox, 11 million records by place"];

/// All rows, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    row("bare poll loop", "base", "bench-plain", 3_000_000, &[]),
    row("no-op, memory inbox", "onceward", "bench-plain", 3_000_000, &[("INBOX", "memory")]),
    row("no-op, SQLite inbox", "onceward", "bench-plain", 3_000_000, &[]),
    Row { filled: true, ..row("no-op, SQLite inbox with 10 million ids", "onceward", "bench-plain", 3_000_000, &[]) },
    row("hand-written mark, per record, NORMAL", "hand", "bench-plain", 60_000, &[("HANDLER", "mark"), ("SYNC", "NORMAL"), ("BATCH", "1")]),
    row("hand-written upsert, per record, FULL", "hand", "bench-plain", 30_000, &[("HANDLER", "upsert"), ("SYNC", "FULL"), ("BATCH", "1")]),
    row(
        "hand-written upsert, per record, NORMAL",
        "hand",
        "bench-plain",
        60_000,
        &[("HANDLER", "upsert"), ("SYNC", "NORMAL"), ("BATCH", "1")],
    ),
    row("hand-written upsert, per 500, FULL", "hand", "bench-plain", 200_000, &[("HANDLER", "upsert"), ("SYNC", "FULL"), ("BATCH", "500")]),
    row("upsert by event.effect", "onceward", "bench-plain", 600_000, &[("HANDLER", "upsert")]),
    row("no-op, SQLite inbox, 600,000 records", "onceward", "bench-plain", 600_000, &[]),
    row("bare loop that produces a copy", "base", "bench-plain", 600_000, &[("HANDLER", "copy")]),
    row("publish one event per event, outbox", "onceward", "bench-plain", 600_000, &[("HANDLER", "publish")]),
    row("5 ms handlers, 256 in flight", "onceward", "bench-plain", 300_000, &[("HANDLER", "sleep5")]),
    row(FEW_HELD, "onceward", "bench-plain", HELD.0, &[("HANDLER", "hold"), ("REPLAY", "0")]),
    row(MANY_HELD, "onceward", "bench-plain", HELD.1, &[("HANDLER", "hold"), ("REPLAY", "0")]),
    row("1 % poison, 3 attempts 100 ms apart", "onceward", "bench-poison", 3_000_000, &[("HANDLER", "poison")]),
    row("20 keys of 10,000 fail, not yet", "onceward", "bench-held", 3_000_000, &[]),
    row("20 keys of 10,000 held", "onceward", "bench-held", 3_000_000, &[("HANDLER", "poison"), ("HOLD", "1"), ("ATTEMPTS", "1")]),
    row("replay of 100,000 letters, no-op", "replay", "bench-letters", 100_000, &[]),
    row("replay of 100,000 letters, upsert by event.effect", "replay", "bench-letters", 100_000, &[("HANDLER", "upsert")]),
    row(LONG[0], "onceward", "bench-long", 11_000_000, &[("SLOPE", "1")]),
    row(LONG[1], "onceward", "bench-long", 11_000_000, &[("SLOPE", "1"), ("EVENT_ID", "coordinates")]),
];

/// A ratio to report: `row` over `base`, and the least it should be.
pub(crate) struct Target {
    pub(crate) row: &'static str,
    pub(crate) base: &'static str,
    pub(crate) least: f64,
}

/// What was promised.
pub(crate) const TARGETS: &[Target] = &[
    Target { row: "no-op, SQLite inbox", base: "bare poll loop", least: 0.5 },
    Target { row: "no-op, SQLite inbox", base: "no-op, memory inbox", least: 0.9 },
    Target { row: "no-op, SQLite inbox with 10 million ids", base: "no-op, SQLite inbox", least: 0.9 },
    Target { row: "no-op, SQLite inbox", base: "hand-written mark, per record, NORMAL", least: 10.0 },
    Target { row: "upsert by event.effect", base: "hand-written upsert, per record, NORMAL", least: 5.0 },
    Target { row: "upsert by event.effect", base: "hand-written upsert, per 500, FULL", least: 2.5 },
    Target { row: "publish one event per event, outbox", base: "no-op, SQLite inbox, 600,000 records", least: 0.5 },
    Target { row: "publish one event per event, outbox", base: "bare loop that produces a copy", least: 0.5 },
    Target { row: "20 keys of 10,000 held", base: "20 keys of 10,000 fail, not yet", least: 0.95 },
    Target { row: "replay of 100,000 letters, no-op", base: "no-op, SQLite inbox, 600,000 records", least: 0.5 },
    Target { row: "replay of 100,000 letters, upsert by event.effect", base: "upsert by event.effect", least: 0.5 },
    Target { row: "1 % poison, 3 attempts 100 ms apart", base: "no-op, SQLite inbox", least: 0.5 },
];

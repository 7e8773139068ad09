//! A handler's life without a broker: tests of a service, in simulated time.
//!
//! A [`Rig`] takes a built [`Consumer`](crate::Consumer), handlers, policies and configuration as they are, and runs it with the real engine,
//! the real loop, the real executor, the real letters and the real SQLite inbox. Only what lies outside of the process is simulated: Kafka's
//! log, its commits and its acknowledgements, and time.
//!
//! ```
//! use onceward::testing::{Rig, SendOptions};
//! use onceward::{AutoOffsetReset::Earliest, Consumer, Event, Failure};
//!
//! async fn invoice(event: Event) -> Result<(), Failure> {
//!     let order: serde_json::Value = event.json()?;
//!     event.effect("INSERT INTO invoice(order_id, total) VALUES (?, ?)", (order["id"].as_str(), order["total"].as_f64()));
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), onceward::Error> {
//! let app = Consumer::builder()
//!     .brokers("localhost:9092") // never contacted
//!     .group("billing")
//!     .inbox("sqlite:billing.db") // never opened: a file of the rig's own takes its place
//!     .auto_offset_reset(Earliest)
//!     .setup_sql(["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, total REAL)"])
//!     .build()?
//!     .on("orders", invoice);
//!
//! let rig = Rig::new(app)?;
//! let order = serde_json::json!({"id": "o1", "total": 9.5});
//! rig.send("orders", SendOptions::new().key("c1").json(&order).id("e1"))?;
//! rig.send("orders", SendOptions::new().key("c1").json(&order).id("e1"))?; // the same event once more
//! rig.run()?;
//! assert_eq!(rig.handled(), ["e1"]);
//! assert_eq!(rig.sql::<(String, f64)>("SELECT order_id, total FROM invoice")?, [("o1".to_owned(), 9.5)]);
//! # Ok(())
//! # }
//! ```
//!
//! Everything is plain data in and out, and every call may be made from any thread, also from within an async runtime: the rig has a thread
//! of its own. What it simulates and what not: `docs/guide/testing.md`.
//!
//! | file | is |
//! |---|---|
//! | `rig`, `options`, `found` | the face: calls, what goes in, what comes out |
//! | `stage`, `step`, `surroundings` | one thread that owns a life of the process after the other, and takes it step by step |
//! | `world`, `log`, `partitioner` | what outlives a crash: topics, committed offsets, what was seen |
//! | `feed`, `desk`, `store`, `shelf` | what stands for the poll thread, for producer and relay, around the inbox, and for the readers of ledgers and letters |
//! | `ledger` | what a test sees of letters, and asks for them: as `onceward dlt` does |
//! | `trial` | a world that holds dead letters, for a dry run |
//! | `watch`, `capture`, `folder`, `outside` | attempts, log lines, the inbox's file, waits for the world outside |

mod capture;
mod desk;
mod feed;
mod folder;
mod found;
mod ledger;
mod log;
mod options;
mod outside;
mod partitioner;
mod rig;
mod shelf;
mod stage;
mod step;
mod store;
mod surroundings;
mod trial;
mod watch;
mod world;

pub use found::{DeadLetter, Happened, HeaderList, HeldKey, LogLine, Position, Published, Table};
pub use options::{RigOptions, SendOptions};
pub(crate) use outside::Presence;
pub use outside::in_real_time;
pub use rig::Rig;
pub(crate) use trial::Trial;

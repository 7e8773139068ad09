//! Onceward: a resilient Kafka consumer loop.
//!
//! A service subscribes handlers to topics in a consumer group. Onceward fetches records, gives each event an identity, drops copies of
//! what is marked as handled, runs handlers in order per key and in parallel over keys, retries what fails without holding up anyone
//! else, moves what keeps failing to a dead-letter topic with its bytes untouched, remembers what is done in a durable *inbox*, and
//! commits the offset only behind finished work.
//!
//! Start at [`Consumer`]. What is promised: `docs/guide/promises.md`.

mod alerts;
mod archive;
pub mod config;
mod consumer;
mod driver;
pub mod dry_run;
mod error;
mod event;
mod executor;
pub mod foreign;
mod handler;
mod http;
pub mod inbox;
mod journal;
pub mod kafka;
pub mod ledger;
pub mod letter;
pub mod outbox;
mod publisher;
pub mod registry;
mod schemas;
mod signal;
mod telemetry;
pub mod testing;
pub mod wire;

pub use alerts::DeadLetter;
pub use consumer::{AutoOffsetReset, Builder, Consumer, Control};
pub use driver::Summary;
pub use error::{Error, ErrorCode};
pub use event::{DecodeError, Event, EventBatch, Failure, FromRow, FromValue, IntoParams, IntoValue, Publish, QueryError, Report};
pub use handler::{Backoff, BatchHandler, Handler, HandlerOptions, json};
pub use onceward_schema::framing::SchemaId;
pub use publisher::OutsidePublisher as Publisher;
pub use signal::shutdown_signal;
pub use telemetry::Metrics;

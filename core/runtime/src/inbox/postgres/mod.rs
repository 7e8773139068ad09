//! Marks in a Postgres database, beside the user's own tables, for groups whose members run on several machines.
//!
//! A mark is a row: its primary key (group, id) is the fence between machines, and an id covers the topic already. Nobody filters in
//! front of it: what this process did not mark itself is asked of the server, many ids with one query, so an answer is as old as the
//! query. A partition has an owner number, which rises with each assignment; a transaction holds the rows of the partitions it marks
//! for, and marks nothing for those which another member has taken over.
//!
//! | file | decides |
//! |---|---|
//! | `address`, `tls` | what a URL says, what of it is shown |
//! | `connect`, `fault` | a session, and what the server's errors mean |
//! | `handle`, `shared` | the driver's side: recent ids, what is queued |
//! | `writer`, `group`, `plan` | when a transaction begins, what is in it, in how many round trips |
//! | `run`, `effects`, `sql`, `value`, `number` | what statements may do, how placeholders and values reach the server |
//! | `positions` | who owns a partition, and how far it is |
//! | `inspect` | what tools see of it |
//! | `reader`, `query` | look-ups, and the queries of handlers |
//! | `open`, `schema`, `migrate` | our tables, and the user's files of `migrations` |

mod address;
mod connect;
mod effects;
mod fault;
mod group;
mod handle;
mod inspect;
mod migrate;
mod number;
mod open;
mod plan;
mod positions;
mod query;
mod reader;
mod run;
mod schema;
mod settings;
mod shared;
mod sql;
mod tls;
mod value;
mod writer;

pub use address::Address;
pub use handle::PostgresInbox;
pub use inspect::{PostgresReport, inspect_postgres};
pub use schema::ddl;
pub use settings::PostgresSettings;

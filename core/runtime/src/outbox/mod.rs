//! The outbox: what handlers publish, from the transaction of their marks to the broker.
//!
//! The inbox's writer commits publishes as rows (`inbox/sqlite/outgoing.rs`) and hands them, in the order of their commits, to the relay.
//! The relay owns a producer of its own, keeps order per key, and says which rows are done; the writer deletes those with a later group.
//! So a crash loses nothing: what was not deleted is sent again, under the same ids. Why it is so: `docs/adr/0009-one-relay-per-file-and-group.md`.
//!
//! | file | decides |
//! |---|---|
//! | `codec` | how events lie in a row |
//! | `outlet` | what the writer and the relay tell each other, and how much may be between them |
//! | `relay`, `row` | what is on its way, and when a row is done |
//! | `held` | keys that wait for an event which the broker refuses |
//! | `client` | the Kafka producers |
//! | `door` | commits events from outside of handlers |

mod client;
mod codec;
mod door;
mod held;
mod outlet;
mod relay;
mod row;

pub use codec::Encoded;
pub(crate) use codec::{Encoder, published};
pub use door::{Door, Post};
pub use outlet::{Finished, Inlet, Outlet, Rest, Row, outlet};
pub use relay::Relay;

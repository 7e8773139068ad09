//! What a handler gets, and what it can say.

mod batch;
pub(crate) mod correlation;
mod failure;
mod params;
mod progress;
mod publish;
mod rows;
mod view;

pub use batch::EventBatch;
pub(crate) use correlation::one_line;
pub(crate) use failure::Verdict;
pub use failure::{DecodeError, Failure, Report};
pub use params::{IntoParams, IntoValue};
pub(crate) use progress::Cancelled;
pub use publish::Publish;
pub use rows::{FromRow, FromValue, QueryError};
pub use view::Event;
pub(crate) use view::{Chunk, Place};

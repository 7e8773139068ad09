//! Real flights, and the fold that shows whether each was handled once and in order.
//!
//! The demo and the tests against a real broker send the same flights through different failures and judge the outcome by the same fold:
//! a plain pass over the file on one side ([`sequential_pass`]), the table that a handler kept with [`UPSERT`] on the other, and
//! [`Differences`] between them. Where the data comes from: `README.md` beside this crate.

mod differences;
mod flight;
mod fold;
mod parse;
mod table;
mod year;

pub use differences::Differences;
pub use flight::Flight;
pub use fold::{Aircraft, Fleet, hash, sequential_pass};
pub use parse::{ParseError, january, parse};
pub use table::{CREATE, SELECT, UPSERT, UPSERT_UNKNOWN};
pub use year::year;

//! The handler of the demo: the part that a user would write.

use onceward::{Event, Failure};
use onceward_flights::{Flight, UPSERT, UPSERT_UNKNOWN, hash};

use super::tally::Tally;

/// What the log line of a handled flight says.
pub(in crate::demo) const RECORDED: &str = "flight recorded";

/// A flight that has no departure time, since it never departed. The id is quoted, so that all such letters share one fingerprint.
#[derive(Debug, thiserror::Error)]
#[error("flight {id:?} has no departure time")]
struct NeverDeparted {
    id: String,
}

/// Adds a flight to its aircraft. Knows nothing of retries, copies or crashes: the table is right because the statement commits with the
/// mark that the event is handled, and because no two flights of one aircraft overlap.
pub(super) async fn record(event: Event, tally: &Tally, mended: bool) -> Result<(), Failure> {
    tally.began(event.attempt());
    let flight: Flight = event.json()?;
    if flight.is_cancelled() && !mended {
        let error = NeverDeparted { id: flight.id };
        tracing::warn!(target: "demo", "{error}");
        return Err(error.into());
    }
    let chain = i64::try_from(hash(&flight.id)).unwrap_or(0);
    match flight.tailnum {
        Some(tailnum) => event.effect(UPSERT, (tailnum, flight.miles, flight.dest, chain)),
        None => event.effect(UPSERT_UNKNOWN, (flight.miles,)),
    }
    tracing::info!(target: "demo", "{RECORDED}");
    tally.recorded();
    Ok(())
}

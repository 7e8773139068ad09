//! Reads the table that the handler kept, after its process is gone.

use std::path::Path;

use onceward_flights::{Aircraft, Fleet, SELECT};
use rusqlite::Connection;

use super::failure::{Doing as _, Failure};

/// Every row.
pub(super) fn read(path: &Path) -> Result<Fleet, Failure> {
    select(path).doing("read the table of the demo")
}

/// How many flights are in the table.
pub(super) fn flights(fleet: &Fleet) -> u64 {
    fleet.values().map(|aircraft| aircraft.flights).sum()
}

fn select(path: &Path) -> rusqlite::Result<Fleet> {
    let connection = Connection::open(path)?;
    let mut statement = connection.prepare(SELECT)?;
    let rows = statement.query_map((), |row| {
        let number = |column| row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(u64::MAX));
        let aircraft = Aircraft { flights: number(1)?, miles: number(2)?, last_airport: row.get(3)?, chain: number(4)? };
        Ok((row.get(0)?, aircraft))
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use onceward_flights::{CREATE, UPSERT, UPSERT_UNKNOWN, hash, january, sequential_pass};

    use super::*;

    #[test]
    fn sql_adds_up_to_the_same_as_the_plain_pass() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flights.db");
        let flights = &january().unwrap()[..5_000];
        let mut connection = Connection::open(&path).unwrap();
        connection.execute_batch(CREATE).unwrap();
        let transaction = connection.transaction().unwrap();
        for flight in flights {
            let chain = i64::try_from(hash(&flight.id)).unwrap();
            match &flight.tailnum {
                Some(tailnum) => transaction.execute(UPSERT, (tailnum, flight.miles, &flight.dest, chain)).unwrap(),
                None => transaction.execute(UPSERT_UNKNOWN, (flight.miles,)).unwrap(),
            };
        }
        transaction.commit().unwrap();
        drop(connection);
        let kept = read(&path).unwrap();
        assert_eq!(kept, sequential_pass(flights));
        assert_eq!(super::flights(&kept), 5_000);
    }
}

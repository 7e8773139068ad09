//! The 336,776 departures of 2013 as events, in the order in which they are sent.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::fold::Table;

/// One departure, as it travels in a record's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// The event id, unique over the year: `2013-01-01/UA1545/EWR`.
    pub id: String,
    /// The aircraft; none in 2,512 rows.
    pub tailnum: Option<String>,
    /// When it left; none in 8,255 rows: cancelled, the handler's poison.
    pub dep_time: Option<u16>,
    /// Where it went.
    pub dest: String,
    /// How far.
    pub miles: u64,
}

/// Reads the source's CSV and sorts it by date: the file has its months in alphabetical order.
pub fn read(csv: &Path) -> io::Result<Vec<Flight>> {
    let text = fs::read_to_string(csv)?;
    let mut dated = text.lines().skip(1).map(row).collect::<Option<Vec<_>>>().ok_or(io::ErrorKind::InvalidData)?;
    // Stable: within a day the rows stay as the source has them.
    dated.sort_by_key(|(date, _)| *date);
    Ok(dated.into_iter().map(|(_, flight)| flight).collect())
}

/// What the table must be when every flight that left was handled once and in order.
#[must_use]
pub fn sequential_pass<'a>(flights: impl IntoIterator<Item = &'a Flight>) -> Table {
    let mut table = Table::new();
    for flight in flights {
        if let (Some(tailnum), Some(_)) = (&flight.tailnum, flight.dep_time) {
            table.entry(tailnum.clone()).or_default().add(&flight.id, flight.miles, &flight.dest);
        }
    }
    table
}

fn row(line: &str) -> Option<((u8, u8), Flight)> {
    let fields: Vec<_> = line.split(',').collect();
    let present = |at: usize| fields.get(at).copied().filter(|field| *field != "NA");
    let (month, day): (u8, u8) = (present(1)?.parse().ok()?, present(2)?.parse().ok()?);
    let flight = Flight {
        id: format!("2013-{month:02}-{day:02}/{}{}/{}", present(9)?, present(10)?, present(12)?),
        tailnum: present(11).map(str::to_owned),
        dep_time: present(3).and_then(|time| time.parse().ok()),
        dest: present(13)?.to_owned(),
        miles: present(15)?.parse().ok()?,
    };
    Some(((month, day), flight))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Flight, row, sequential_pass};

    #[test]
    fn a_cancelled_flight_without_an_aircraft_is_read() {
        let (date, flight) = row("2013,1,2,NA,1545,NA,NA,1910,NA,AA,133,NA,JFK,LAX,NA,2475,15,45,2013-01-02T20:00:00Z").unwrap();
        let expected = Flight { id: "2013-01-02/AA133/JFK".to_owned(), tailnum: None, dep_time: None, dest: "LAX".to_owned(), miles: 2475 };
        assert_eq!((date, flight), ((1, 2), expected));
    }

    #[test]
    fn only_flights_that_left_with_a_known_aircraft_are_folded() {
        let flight = |tailnum: Option<&str>, dep_time| Flight {
            id: "x".to_owned(),
            tailnum: tailnum.map(str::to_owned),
            dep_time,
            dest: "IAH".to_owned(),
            miles: 1,
        };
        let table = sequential_pass(&[flight(Some("N1"), Some(517)), flight(Some("N1"), None), flight(None, Some(517))]);
        assert_eq!(table.len(), 1);
        assert_eq!(table["N1"].flights, 1);
    }
}

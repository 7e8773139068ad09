//! The source's own CSV: the whole year, all columns.

use crate::parse::{Row, number};
use crate::{Flight, ParseError};

const HEADER: &str = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,\
    air_time,distance,hour,minute,time_hour";

/// The 336,776 flights of 2013 in the order in which they are sent, from the file that `cargo xtask test` fetches.
///
/// # Errors
/// The first line that is not as the header says.
pub fn year(csv: &str) -> Result<Vec<Flight>, ParseError> {
    let mut lines = csv.lines().zip(1..);
    match lines.next() {
        Some((HEADER, _)) => {}
        _ => return Err(ParseError { line: 1, what: format!("expected the header {HEADER}") }),
    }
    let mut flights: Vec<Flight> =
        lines.map(|(text, line)| row(text).map_err(|what| ParseError { line, what })).collect::<Result<_, _>>()?;
    // The source has its months in alphabetical order. The sort is stable: within a day the rows stay as the source has them.
    flights.sort_by(|a, b| a.day.cmp(&b.day));
    Ok(flights)
}

fn row(text: &str) -> Result<Flight, String> {
    let fields: Vec<&str> = text.split(',').map(|field| if field == "NA" { "" } else { field }).collect();
    let &[_, month, day, dep, sched, _, _, _, _, carrier, flight, tailnum, origin, dest, _, miles, _, _, _] = fields.as_slice() else {
        return Err(format!("expected 19 fields, found {}", fields.len()));
    };
    Row { month: number("month", month)?, day, sched, dep, carrier, flight, tailnum, origin, dest, miles }.flight()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;
    use crate::parse;

    const FIRST: &str = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z";
    const CANCELLED: &str = "2013,1,2,NA,1545,NA,NA,1910,NA,AA,133,NA,JFK,LAX,NA,2475,15,45,2013-01-02T20:00:00Z";

    #[test]
    fn a_row_of_the_source_is_the_same_flight_as_in_the_compact_file() {
        // Days of the source are out of order.
        let flights = year(&format!("{HEADER}\n{CANCELLED}\n{FIRST}\n")).unwrap();
        let compact = "day,sched,dep,carrier,flight,tailnum,origin,dest,miles\n\
            1,515,517,UA,1545,N14228,EWR,IAH,1400\n\
            2,1545,,AA,133,,JFK,LAX,2475\n";
        assert_eq!(flights, parse(1, compact).unwrap());
        assert!(flights[1].is_cancelled());
    }

    #[test]
    fn a_torn_file_is_named_by_its_line() {
        assert_eq!(year(&format!("{HEADER}\n{FIRST}\n2013,1,1")).unwrap_err().to_string(), "line 3: expected 19 fields, found 3");
        assert_eq!(year("").unwrap_err().line, 1);
    }
}

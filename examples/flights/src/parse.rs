//! The compact CSV: one month, only the columns that are used.

use std::str::FromStr;

use crate::Flight;

const JANUARY: &str = include_str!("../2013-01.csv");
const HEADER: &str = "day,sched,dep,carrier,flight,tailnum,origin,dest,miles";

/// A file that does not hold flights as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// January 2013, 27,004 flights in the order in which they are sent.
///
/// # Errors
/// Never with the file as committed; a test parses it.
pub fn january() -> Result<Vec<Flight>, ParseError> {
    parse(1, JANUARY)
}

/// A month of 2013.
///
/// # Errors
/// The first line that is not as the header says.
pub fn parse(month: u8, csv: &str) -> Result<Vec<Flight>, ParseError> {
    let mut lines = csv.lines().zip(1..);
    match lines.next() {
        Some((HEADER, _)) => {}
        _ => return Err(ParseError { line: 1, what: format!("expected the header {HEADER}") }),
    }
    lines.map(|(text, line)| row(month, text).map_err(|what| ParseError { line, what })).collect()
}

fn row(month: u8, text: &str) -> Result<Flight, String> {
    let fields: Vec<&str> = text.split(',').collect();
    let &[day, sched, dep, carrier, flight, tailnum, origin, dest, miles] = fields.as_slice() else {
        return Err(format!("expected 9 fields, found {}", fields.len()));
    };
    Row { month, day, sched, dep, carrier, flight, tailnum, origin, dest, miles }.flight()
}

/// One line of any of the files, as text; what is missing is empty.
pub(crate) struct Row<'a> {
    pub(crate) month: u8,
    pub(crate) day: &'a str,
    pub(crate) sched: &'a str,
    pub(crate) dep: &'a str,
    pub(crate) carrier: &'a str,
    pub(crate) flight: &'a str,
    pub(crate) tailnum: &'a str,
    pub(crate) origin: &'a str,
    pub(crate) dest: &'a str,
    pub(crate) miles: &'a str,
}

impl Row<'_> {
    pub(crate) fn flight(&self) -> Result<Flight, String> {
        let day = format!("2013-{:02}-{:02}", self.month, number::<u8>("day", self.day)?);
        Ok(Flight {
            id: format!("{day}/{}{}/{}", self.carrier, self.flight, self.origin),
            day,
            carrier: self.carrier.to_owned(),
            flight: number("flight", self.flight)?,
            tailnum: (!self.tailnum.is_empty()).then(|| self.tailnum.to_owned()),
            origin: self.origin.to_owned(),
            dest: self.dest.to_owned(),
            miles: number("miles", self.miles)?,
            sched: number("sched", self.sched)?,
            dep: if self.dep.is_empty() { None } else { Some(number("dep", self.dep)?) },
        })
    }
}

pub(crate) fn number<T: FromStr>(column: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{column} is {text:?}, which is no number of its kind"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn january_is_what_the_readme_says() {
        let flights = january().unwrap();
        assert_eq!(flights.len(), 27_004);
        assert_eq!(flights.iter().filter(|flight| flight.is_cancelled()).count(), 521);
        assert_eq!(flights.iter().filter(|flight| flight.tailnum.is_none()).count(), 155);
        assert_eq!(flights.iter().map(|flight| &flight.id).collect::<HashSet<_>>().len(), 27_004, "an event id is unique");
        assert_eq!(flights[0].id, "2013-01-01/UA1545/EWR");
        assert_eq!(flights[0].correlation_id(), "N14228-2013-01-01");
    }

    #[test]
    fn a_broken_line_is_named() {
        let wrong = format!("{HEADER}\n1,515,517,UA,x,N14228,EWR,IAH,1400\n");
        assert_eq!(parse(1, &wrong).unwrap_err().to_string(), "line 2: flight is \"x\", which is no number of its kind");
        let short = format!("{HEADER}\n1,515\n");
        assert_eq!(parse(1, &short).unwrap_err().to_string(), "line 2: expected 9 fields, found 2");
        assert_eq!(parse(1, "a,b\n").unwrap_err().line, 1);
    }
}

//! What separates the table that a handler kept from the truth.

use crate::{Aircraft, Fleet};

/// Differences between two fleets, as the promise that was broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Flights that were handled less often than they should have been.
    pub lost: u64,
    /// Flights that were handled more often.
    pub doubled: u64,
    /// Aircraft whose flights are all there, but in another order.
    pub order_violations: u64,
}

impl Differences {
    /// Compares aircraft by aircraft.
    #[must_use]
    pub fn between(truth: &Fleet, kept: &Fleet) -> Self {
        let nothing = Aircraft::default();
        let mut differences = Self::default();
        for (tailnum, aircraft) in truth {
            differences.count(aircraft, kept.get(tailnum).unwrap_or(&nothing));
        }
        for (tailnum, aircraft) in kept {
            if !truth.contains_key(tailnum) {
                differences.count(&nothing, aircraft);
            }
        }
        differences
    }

    /// Whether the two are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn count(&mut self, truth: &Aircraft, kept: &Aircraft) {
        if truth == kept {
            return;
        }
        self.lost += truth.flights.saturating_sub(kept.flights);
        self.doubled += kept.flights.saturating_sub(truth.flights);
        if truth.flights == kept.flights {
            if truth.miles == kept.miles {
                self.order_violations += 1;
            } else {
                // As many flights, but not the same ones: at least one is missing and another stands in its place.
                self.lost += 1;
                self.doubled += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    fn fleet(rows: &[(&str, u64, u64, u64)]) -> Fleet {
        let aircraft = |&(tailnum, flights, miles, chain): &(&str, u64, u64, u64)| {
            (tailnum.to_owned(), Aircraft { flights, miles, last_airport: "IAH".to_owned(), chain })
        };
        rows.iter().map(aircraft).collect()
    }

    #[test]
    fn each_kind_of_damage_has_its_name() {
        let truth = fleet(&[("N1", 2, 300, 7), ("N2", 1, 100, 8)]);
        let cases = [
            (fleet(&[("N1", 2, 300, 7), ("N2", 1, 100, 8)]), (0, 0, 0)),
            (fleet(&[("N1", 1, 100, 3), ("N2", 1, 100, 8)]), (1, 0, 0)),
            (fleet(&[("N1", 2, 300, 7)]), (1, 0, 0)),
            (fleet(&[("N1", 4, 600, 9), ("N2", 1, 100, 8)]), (0, 2, 0)),
            (fleet(&[("N1", 2, 300, 7), ("N2", 1, 100, 8), ("N3", 1, 5, 5)]), (0, 1, 0)),
            (fleet(&[("N1", 2, 300, 6), ("N2", 1, 100, 8)]), (0, 0, 1)),
            (fleet(&[("N1", 2, 400, 6), ("N2", 1, 100, 8)]), (1, 1, 0)),
        ];
        for (kept, (lost, doubled, order_violations)) in cases {
            assert_eq!(Differences::between(&truth, &kept), Differences { lost, doubled, order_violations }, "{kept:?}");
        }
    }
}

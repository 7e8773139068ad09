//! When a failed attempt is followed by another one.

use crate::delivery::Delivery;
use crate::ids::Timestamp;
use crate::policy::Backoff;

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another attempt, after the wait.
    Wait,
    /// None.
    GiveUp,
}

/// Decides after a counted, retryable failure.
///
/// When the wait would end outside the time budget, the event is given up at once: waiting for a refusal helps nobody. Budgets are
/// measured by a clock that stands still during outages; waits are not.
pub(crate) fn verdict(backoff: &Backoff, delivery: &Delivery, budget_clock: Timestamp, wait: u64, attempts: u32) -> Verdict {
    let over = budget_clock.after(wait) > delivery.first_attempt.after(backoff.total);
    if delivery.attempts >= attempts || over { Verdict::GiveUp } else { Verdict::Wait }
}

/// How long to wait after the latest failure, unless the handler chose.
pub(crate) fn wait(backoff: &Backoff, seed: u64, delivery: &Delivery) -> u64 {
    let longest = longest_wait(backoff, delivery.attempts);
    longest - jitter(backoff, seed, delivery, longest)
}

/// The wait after the n-th attempt, before jitter.
fn longest_wait(backoff: &Backoff, attempts: u32) -> u64 {
    let mut wait = backoff.first.min(backoff.max);
    for _ in 1..attempts {
        let next = u128::from(wait) * u128::from(backoff.factor_percent) / 100;
        let next = u64::try_from(next).unwrap_or(u64::MAX).min(backoff.max);
        // Once a step changes nothing no later one does, however many attempts the policy allows.
        if next == wait {
            break;
        }
        wait = next;
    }
    wait
}

/// How much of the wait is left out: a function of the record and the attempt, so that a replayed log waits the same.
fn jitter(backoff: &Backoff, seed: u64, delivery: &Delivery, wait: u64) -> u64 {
    let span = u128::from(wait) * u128::from(backoff.jitter_percent.min(100)) / 100;
    let span = u64::try_from(span).unwrap_or(u64::MAX);
    let mut bits = seed;
    for part in [u64::from(delivery.partition), delivery.offset.0 as u64, u64::from(delivery.attempts)] {
        bits = mix(bits ^ part);
    }
    span.checked_add(1).map_or(bits, |choices| bits % choices)
}

/// SplitMix64's step.
fn mix(bits: u64) -> u64 {
    let z = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Backoff, longest_wait};

    #[test]
    fn waits_grow_by_the_factor_up_to_the_cap() {
        let backoff = Backoff::default();
        let waits: Vec<u64> = (1..=9).map(|attempts| longest_wait(&backoff, attempts)).collect();
        assert_eq!(waits, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
    }

    #[test]
    fn the_largest_numbers_neither_overflow_nor_take_time() {
        let huge = Backoff { first: u64::MAX, factor_percent: u32::MAX, max: u64::MAX, ..Backoff::default() };
        assert_eq!(longest_wait(&huge, u32::MAX), u64::MAX);
        let slow = Backoff { first: 1, factor_percent: 101, max: u64::MAX, ..Backoff::default() };
        assert_eq!(longest_wait(&slow, u32::MAX), 1);
        let shrinking = Backoff { factor_percent: 50, ..Backoff::default() };
        assert_eq!(longest_wait(&shrinking, u32::MAX), 0);
    }
}

//! Letters that are not settled, for whoever wants to read their values.

use std::ops::ControlFlow;

use super::Where;
use super::filter::Filter;
use super::letter::StoredLetter;
use super::place::Letters;
use super::standing::Visit;
use crate::exit::Failure;

/// Hands over every letter that is not settled, with the topic that it came from.
pub(crate) fn each_open(place: &Where, mut visit: impl FnMut(&str, &StoredLetter) -> Result<(), Failure>) -> Result<(), Failure> {
    let letters = Letters::find(place)?;
    let filter = Filter::default();
    let mut all = Visit::new(&letters, &filter, false);
    let mut result = Ok(());
    for shelf in &letters.shelves {
        let ledger = letters.ledger(shelf)?;
        let source = shelf.source.as_deref().unwrap_or(&shelf.letters);
        all.shelf(shelf, ledger.as_ref(), |stored, _| {
            result = visit(source, &stored);
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if result.is_err() {
            break;
        }
    }
    result
}

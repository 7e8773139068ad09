//! The compact filter in front of the store: *surely not marked* costs one or a few cache lines and no I/O.

mod bloom;
mod generations;

pub(crate) use bloom::Bloom;
pub(crate) use generations::Generations;

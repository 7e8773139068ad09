//! There is nothing to do. Without it the features of build dependencies would not count.

fn main() {}

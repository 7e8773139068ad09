//! Eleven thousand worlds keep the promises, and between them they have met everything.

use std::time::Instant;

use onceward_tests::sim::{run_seed, simulate};

/// As many as CI runs; `cargo xtask simulate --seeds N --from S` runs others.
const SEEDS: u64 = 11_000;

#[test]
fn worlds_keep_the_promises() {
    let start = Instant::now();
    let report = simulate(0, SEEDS);
    println!("{report}in {:.1} s", start.elapsed().as_secs_f64());
    assert!(report.failures.is_empty(), "{report}\n`cargo xtask simulate --seeds 1 --from SEED` writes the shrunk log of one of them");
    let (least, seed) = report.shortest.unwrap();
    assert!(least >= 150, "seed {seed} ends after {least} inputs");
    assert_eq!(report.coverage.below(90), Vec::<String>::new(), "met less than 90 times");
}

#[test]
fn a_seed_is_a_whole_world() {
    for seed in [1, 17, 4_711] {
        let (first, second) = (run_seed(seed, None), run_seed(seed, None));
        assert_eq!(first.2, second.2, "seed {seed}: number of inputs");
        assert_eq!(first.1, second.1, "seed {seed}: coverage");
    }
}

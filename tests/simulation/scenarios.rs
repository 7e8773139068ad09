//! Replays the logs of `tests/scenarios/`: the engine must order what it ordered when the log was filed, to the letter.
//!
//! `ONCEWARD_BLESS=1` writes the `.golden` files anew; the difference belongs into the review.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use onceward_tests::sim::{Scenario, replay};

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    found.sort();
    found
}

#[test]
fn scenarios_replay_to_the_letter() {
    let bless = std::env::var_os("ONCEWARD_BLESS").is_some();
    let found = scenarios();
    assert!(found.len() >= 5, "the committed scenarios are gone");
    for path in found {
        let scenario = Scenario::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let seen = replay(&scenario, None);
        assert!(seen.violation.is_none(), "{}: {}", path.display(), seen.violation.unwrap().1);
        let mut orders = String::new();
        for (at, effect) in &seen.effects {
            writeln!(orders, "{at} {}", serde_json::to_string(effect).unwrap()).unwrap();
        }
        let golden = path.with_extension("golden");
        if bless {
            std::fs::write(&golden, &orders).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(orders, expected, "{}: the engine orders something else than {}", path.display(), golden.display());
    }
}

//! What readers see: the README's two commands, and no trace of the machine that something was made on.

use super::files::Source;
use crate::place::Place;

/// The two commands that a newcomer types.
const COMMANDS: [&str; 2] = ["cargo run --release -- demo", "cargo xtask test"];

/// Complains about a README without its commands and about paths of build machines.
pub(super) fn check(place: &Place, files: &[Source], complaints: &mut Vec<String>) {
    match files.iter().find(|file| file.path == "README.md") {
        None => complaints.push("README.md is missing".to_owned()),
        Some(readme) => {
            let absent = COMMANDS.iter().filter(|command| !readme.text.contains(**command));
            complaints.extend(absent.map(|command| format!("README.md does not show `{command}`")));
        }
    }
    let mut traces: Vec<String> = ["/home/", "/Users/"].iter().map(|folder| (*folder).to_owned()).collect();
    let here = place.root.display().to_string();
    // A checkout in `/` or `/x` would make ordinary text look like a trace.
    if here.len() > 4 {
        traces.push(here);
    }
    for file in files.iter().filter(|file| !file.path.starts_with("xtask/src/tidy/")) {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(trace) = traces.iter().find(|trace| line.contains(trace.as_str())) {
                complaints.push(format!("{}:{}: holds a path of somebody's machine ({trace}…)", file.path, number + 1));
            }
        }
    }
}

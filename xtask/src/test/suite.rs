//! `cargo test` over the workspace: shown as it runs, and read along.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;

use crate::failure::{Doing as _, Failure, Outcome};
use crate::place::Place;

/// What the test binaries said, added up.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) left_out: u64,
    /// What each failed test printed.
    pub(crate) failures: Vec<String>,
    /// Binaries that reached their summary and had failures.
    red: u64,
    quoting: bool,
}

/// Runs all tests whose names contain one of the filters.
pub(crate) fn run(place: &Place, environment: &[(&'static str, String)], filters: &[String]) -> Outcome<Tally> {
    let mut command = Command::new("cargo");
    command.current_dir(&place.root).args(["test", "--profile", "ci", "--workspace", "--locked", "--no-fail-fast"]);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    // Every test of a broker shares one broker: many at once would only measure its patience.
    let threads = thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
    command.args(["--", "--test-threads", &threads.to_string()]).args(filters);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().doing("start cargo test")?;
    let missing = || Failure::new("cargo test gave no output to read");
    let (out, err) = (child.stdout.take().ok_or_else(missing)?, child.stderr.take().ok_or_else(missing)?);
    let messages = thread::spawn(move || {
        let mut messages = Messages::default();
        each_line(err, |line| {
            eprintln!("   {line}");
            messages.line(line);
        });
        messages
    });
    let mut tally = Tally::default();
    each_line(out, |line| {
        println!("   {line}");
        tally.line(line);
    });
    let status = child.wait().doing("wait for cargo test")?;
    let messages = messages.join().map_err(|_| Failure::new("the reader of cargo's messages ended early"))?;
    tally.finish(status.success(), &messages);
    Ok(tally)
}

/// What cargo itself says, on stderr.
#[derive(Default)]
struct Messages {
    /// Targets that failed, as cargo lists them at the end.
    targets: Vec<String>,
    listing: bool,
}

impl Messages {
    fn line(&mut self, line: &str) {
        if line.starts_with("error: ") && line.contains("target") && line.ends_with("failed:") {
            self.listing = true;
        } else if self.listing && line.trim_start().starts_with('`') {
            self.targets.push(line.trim().trim_matches('`').to_owned());
        } else {
            self.listing = false;
        }
    }
}

impl Tally {
    /// Nothing ran, for this reason.
    pub(crate) fn of_failure(reason: String) -> Self {
        Self { failed: 1, failures: vec![reason], ..Self::default() }
    }

    fn line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.quoting = false;
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            self.left_out += count(counts, "ignored");
            self.red += u64::from(counts.starts_with("FAILED"));
        } else if line == "failures:" {
            // The second such heading of a binary only lists the names again.
            self.quoting = false;
        } else if let Some(name) = line.strip_prefix("---- ") {
            self.quoting = true;
            self.failures.push(name.trim_end_matches(" ----").to_owned());
        } else if let (true, Some(last)) = (self.quoting, self.failures.last_mut()) {
            last.push_str("\n   ");
            last.push_str(line);
        }
    }

    /// What pytest said: its last line has the counts, and the short summary names what failed.
    pub(crate) fn read_pytest(&mut self, version: &str, said: &str, success: bool) {
        let counts = said.lines().rev().find(|line| line.contains(" in ")).unwrap_or_default().replace(',', ";");
        let failed = count(&counts, "failed") + count(&counts, "error") + count(&counts, "errors");
        self.passed += count(&counts, "passed");
        self.left_out += count(&counts, "skipped");
        self.failed += if success { failed } else { failed.max(1) };
        let named = said.lines().filter(|line| line.starts_with("FAILED ") || line.starts_with("ERROR "));
        self.failures.extend(named.map(|line| format!("Python {version}: {line}")));
        if !success && failed == 0 {
            self.failures.push(format!("Python {version}: pytest ended without a result"));
        }
    }

    /// Adds what Node's test runner printed in the form of TAP.
    pub(crate) fn read_tap(&mut self, said: &str, success: bool) {
        let number = |name: &str| said.lines().rev().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0);
        let (passed, failed) = (number("# pass "), number("# fail ") + number("# cancelled "));
        self.passed += passed;
        self.left_out += number("# skipped ");
        self.failed += if success { failed } else { failed.max(1) };
        let named = said.lines().map(str::trim_start).filter(|line| line.starts_with("not ok "));
        self.failures.extend(named.map(|line| format!("Node: {line}")));
        if !success && failed == 0 {
            self.failures.push("Node: the tests ended without a result".to_owned());
        }
    }

    /// What Surefire said: its last sum, and a line for each test that failed.
    pub(crate) fn read_surefire(&mut self, said: &str, success: bool) {
        let mut sums = said.lines().filter_map(|line| line.split_once("Tests run: ")).filter(|(_, sum)| !sum.contains("Time elapsed"));
        let number = |sum: &str, name: &str| {
            let found = sum.split(", ").find_map(|part| part.strip_prefix(name)?.trim().parse::<u64>().ok());
            found.unwrap_or(0)
        };
        let (mut run, mut failed) = (0, 0);
        if let Some((_, sum)) = sums.next_back() {
            let skipped = number(sum, "Skipped:");
            run = sum.split(',').next().and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0).saturating_sub(skipped);
            failed = number(sum, "Failures:") + number(sum, "Errors:");
            self.left_out += skipped;
        }
        self.passed += run.saturating_sub(failed);
        self.failed += if success && run > 0 { failed } else { failed.max(1) };
        let named = said.lines().filter(|line| line.starts_with("[ERROR]   "));
        self.failures.extend(named.map(|line| format!("Kotlin: {}", line.trim_start_matches("[ERROR]").trim())));
        if (!success || run == 0) && failed == 0 {
            self.failures.push("Kotlin: the tests ended without a result".to_owned());
        }
    }

    /// A binary that was killed, or a crate that did not compile, says nothing that could be added up; it must not pass in silence.
    fn finish(&mut self, success: bool, messages: &Messages) {
        if success {
            return;
        }
        let named = u64::try_from(messages.targets.len()).unwrap_or(u64::MAX);
        let silent = named.saturating_sub(self.red);
        if silent > 0 {
            self.failed += silent;
            self.failures.push(format!("{silent} of these ended without a result: {}", messages.targets.join(", ")));
        } else if self.failed == 0 {
            self.failed = 1;
            self.failures.push("cargo test failed before a test ran; its message is above".to_owned());
        }
    }
}

/// The number before `word` in "3 passed; 0 failed; …".
fn count(counts: &str, word: &str) -> u64 {
    let mut words = counts.split([' ', ';', '.']).filter(|word| !word.is_empty()).peekable();
    while let Some(number) = words.next() {
        if words.peek() == Some(&word) {
            return number.parse().unwrap_or(0);
        }
    }
    0
}

/// Lines as they come; bytes that are no text are shown as such rather than ending the run.
fn each_line(from: impl Read, mut take: impl FnMut(&str)) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        take(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Messages, Tally};

    fn read(lines: &str) -> Tally {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.line(line));
        tally
    }

    #[test]
    fn results_of_several_binaries_add_up() {
        let tally = read(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.20s",
        );
        assert_eq!((tally.passed, tally.failed, tally.left_out), (13, 2, 1));
    }

    #[test]
    fn what_a_failed_test_printed_is_kept() {
        let tally =
            read("failures:\n\n---- a::b stdout ----\nassertion failed\n\nfailures:\n    a::b\n\ntest result: FAILED. 0 passed; 1 failed;");
        assert_eq!(tally.failures, ["a::b stdout\n   assertion failed\n   "]);
    }

    #[test]
    fn pytest_adds_up_and_its_death_is_a_failure() {
        let mut tally = Tally::default();
        tally.read_pytest("3.11", "..F\nFAILED tests/test_a.py::b - no\n1 failed, 30 passed, 2 skipped in 3.26s", false);
        assert_eq!((tally.passed, tally.failed, tally.left_out), (30, 1, 2));
        assert_eq!(tally.failures, ["Python 3.11: FAILED tests/test_a.py::b - no"]);
        tally.read_pytest("3.12", "Fatal Python error: Segmentation fault", false);
        assert_eq!(tally.failed, 2);
        tally.read_pytest("3.13", "7 passed in 0.10s", true);
        assert_eq!((tally.passed, tally.failed), (37, 2));
    }

    #[test]
    fn node_is_read_as_well() {
        let mut tally = Tally::default();
        tally.read_tap("not ok 2 - b\n1..5\n# tests 5\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 1\n", false);
        assert_eq!((tally.passed, tally.failed, tally.left_out), (3, 1, 1));
        assert_eq!(tally.failures, ["Node: not ok 2 - b"]);
        tally.read_tap("Segmentation fault", false);
        assert_eq!(tally.failed, 2);
    }

    #[test]
    fn surefire_is_read_as_well() {
        let mut tally = Tally::default();
        let said = "[ERROR] Tests run: 30, Failures: 1, Errors: 1, Skipped: 2, Time elapsed: 2 s <<< FAILURE! -- in A\n\
                    [ERROR] Failures: \n[ERROR]   A.b:7 expected: <1> but was: <2>\n[ERROR] Tests run: 30, Failures: 1, Errors: 1, Skipped: 2\n";
        tally.read_surefire(said, false);
        assert_eq!((tally.passed, tally.failed, tally.left_out), (26, 2, 2));
        assert_eq!(tally.failures, ["Kotlin: A.b:7 expected: <1> but was: <2>"]);
        tally.read_surefire("[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0\n", true);
        assert_eq!((tally.passed, tally.failed), (29, 2));
        tally.read_surefire("[INFO] BUILD SUCCESS", true);
        assert_eq!(tally.failed, 3, "no test at all is no success");
    }

    #[test]
    fn a_binary_that_dies_counts_as_a_failure() {
        let mut messages = Messages::default();
        ["error: 2 targets failed:", "    `-p tests --test broker`", "    `-p tests --test faults`"]
            .iter()
            .for_each(|line| messages.line(line));
        let mut tally = read("test result: FAILED. 0 passed; 1 failed; 0 ignored;");
        tally.finish(false, &messages);
        assert_eq!(tally.failed, 2);

        let mut nothing_compiled = Tally::default();
        nothing_compiled.finish(false, &Messages::default());
        assert_eq!(nothing_compiled.failed, 1);
    }
}

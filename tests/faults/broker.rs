//! A broker of the campaign's own: it is stopped and frozen, which no other test should have to bear.

use std::process::Command;

/// Ends the broker with the test, also when the test fails.
pub(crate) struct Broker {
    pub(crate) address: String,
}

impl Broker {
    pub(crate) fn start() -> Self {
        Self { address: xtask(&["start", "--fresh"]) }
    }

    pub(crate) fn stop(&self) {
        xtask(&["stop"]);
    }

    pub(crate) fn start_again(&self) {
        assert_eq!(xtask(&["start"]), self.address, "a broker that comes back keeps its address");
    }

    pub(crate) fn pause(&self) {
        xtask(&["pause"]);
    }

    pub(crate) fn resume(&self) {
        xtask(&["resume"]);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // A frozen process takes no other signal than SIGKILL until it goes on.
        if let Err(error) = try_xtask(&["stop", "--hard", "--wipe"]) {
            assert!(std::thread::panicking(), "the campaign's broker could not be stopped: {error}");
        }
    }
}

fn xtask(arguments: &[&str]) -> String {
    try_xtask(arguments).unwrap_or_else(|error| panic!("kafka {}: {error}", arguments.join(" ")))
}

fn try_xtask(arguments: &[&str]) -> Result<String, String> {
    let program =
        std::env::var("ONCEWARD_XTASK").map_err(|_| "this test is started by `cargo xtask test` or `cargo xtask faults`".to_owned())?;
    let output =
        Command::new(program).arg("kafka").args(arguments).args(["--name", "faults"]).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

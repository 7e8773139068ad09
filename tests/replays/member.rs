//! A process of the group.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use onceward_tests::consumer_child::Shift;
use onceward_tests::kafka;

pub(crate) struct Member {
    process: Child,
    pub(crate) name: String,
    log: std::path::PathBuf,
}

impl Member {
    pub(crate) fn start(shift: &Shift, name: &str) -> Self {
        let log = shift.inbox.with_file_name(format!("{name}.log"));
        let shift = Shift { member: name.to_owned(), ..shift.clone() };
        let process = Command::new(env!("CARGO_BIN_EXE_replay_child"))
            .env(Shift::VARIABLE, serde_json::to_string(&shift).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { process, name: name.to_owned(), log }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{signal} {}", self.process.id())]).status().unwrap();
        assert!(status.success(), "SIG{signal} could not be sent");
    }

    /// SIGTERM: it drains and ends well.
    pub(crate) fn leave(mut self) {
        self.signal("TERM");
        let status = kafka::until("the member ends", || {
            std::thread::sleep(Duration::from_millis(20));
            self.process.try_wait().unwrap()
        });
        assert!(status.success(), "{} ended with {status}; see {}", self.name, self.log.display());
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Only matters when the test fails: nothing of it stays behind.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

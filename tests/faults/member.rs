//! One process of the group, seen from outside: its history as it grows, and signals.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use onceward_tests::consumer_child::Orders;
use onceward_tests::history::{End, Entry, Spot, Step};
use onceward_tests::kafka;

pub(crate) struct Member {
    process: Child,
    pub(crate) orders: Orders,
    tail: Option<BufReader<File>>,
    rest: String,
    /// Handlers that run right now.
    pub(crate) running: BTreeSet<Spot>,
    pub(crate) done: u64,
    pub(crate) given_up: Vec<Spot>,
    pub(crate) revoking: u64,
    pub(crate) slowed: Option<Spot>,
    ended: BTreeSet<Spot>,
}

impl Member {
    pub(crate) fn start(orders: Orders) -> Self {
        let log = File::create(orders.history.with_extension("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_flights_child"))
            .env(Orders::VARIABLE, serde_json::to_string(&orders).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let (running, ended) = (BTreeSet::new(), BTreeSet::new());
        Self { process, orders, tail: None, rest: String::new(), running, done: 0, given_up: Vec::new(), revoking: 0, slowed: None, ended }
    }

    /// Reads what it has written since the last look.
    pub(crate) fn look(&mut self) {
        if self.tail.is_none() {
            self.tail = File::open(&self.orders.history).ok().map(BufReader::new);
        }
        let Some(mut tail) = self.tail.take() else { return };
        while tail.read_line(&mut self.rest).unwrap() > 0 && self.rest.ends_with('\n') {
            let entry: Entry = serde_json::from_str(&self.rest).unwrap();
            self.note(entry.step);
            self.rest.clear();
        }
        self.tail = Some(tail);
    }

    fn note(&mut self, step: Step) {
        match step {
            Step::Started { spot, .. } => drop(self.running.insert(spot)),
            Step::Ended { spot, end } => {
                self.running.remove(&spot);
                match end {
                    End::Done => self.done += 1,
                    End::GivenUp => self.given_up.push(spot.clone()),
                    End::Retry => {}
                }
                self.ended.insert(spot);
            }
            Step::Revoking { .. } => self.revoking += 1,
            Step::Slowed { spot } => self.slowed = Some(spot),
            _ => {}
        }
    }

    pub(crate) fn has_ended(&self, spot: &Spot) -> bool {
        self.ended.contains(spot)
    }

    /// Watches until something is so. A process that ends meanwhile is a failure: nothing that is done to it may end it.
    pub(crate) fn until(&mut self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        kafka::until(&format!("{what} (see {})", self.orders.history.display()), || {
            self.look();
            if so(self) {
                return Some(());
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("{} ended by itself ({status}); see {}", self.orders.member, self.orders.history.with_extension("log").display());
            }
            std::thread::sleep(Duration::from_millis(5));
            None
        });
    }

    /// Stops it where it stands, so that what is in flight can be counted before the kill.
    pub(crate) fn freeze(&mut self) {
        signal(&self.process, "STOP");
        self.look();
    }

    pub(crate) fn thaw(&self) {
        signal(&self.process, "CONT");
    }

    /// SIGKILL. Returns how many handlers were running.
    pub(crate) fn kill(mut self) -> usize {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.look();
        self.running.len()
    }

    /// SIGTERM: it drains and ends well.
    pub(crate) fn leave(mut self) {
        signal(&self.process, "TERM");
        self.finish();
    }

    /// Waits until it has ended well.
    pub(crate) fn finish(&mut self) {
        let log = self.orders.history.with_extension("log");
        let status = kafka::until("the member ends", || {
            std::thread::sleep(Duration::from_millis(20));
            self.process.try_wait().unwrap()
        });
        assert!(status.success(), "{} ended with {status}; see {}", self.orders.member, log.display());
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Only matters when the test fails: nothing of it stays behind. One that has ended can't be killed, and need not be.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn signal(process: &Child, signal: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{signal} {}", process.id())]).status().unwrap();
    assert!(status.success(), "SIG{signal} could not be sent");
}

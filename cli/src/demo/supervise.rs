//! The parent's hold on a child: start it, listen to it, kill it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::failure::{Doing as _, Failure};
use super::interrupt::Interrupt;
use super::report::{Counts, Report, Task};

/// How long a child may go on without any of its numbers changing. Joining a group takes seconds, a busy machine some more.
const PATIENCE: Duration = Duration::from_secs(60);
/// How quickly Ctrl-C is noticed.
const GLANCE: Duration = Duration::from_millis(100);

/// A running child. Dropping it kills it.
pub(super) struct Consuming {
    child: Child,
    /// Closed when the child should stop by itself.
    _stdin: Option<ChildStdin>,
    reports: Receiver<Report>,
    log: PathBuf,
}

/// How listening ended.
pub(super) enum Heard {
    /// The agreed number is reached; the child runs on.
    Reached(Counts),
    /// The child has finished.
    End(Counts),
}

impl Consuming {
    /// Starts this program again, as a child with a task.
    pub(super) fn start(task: &Task) -> Result<Self, Failure> {
        let program = std::env::current_exe().doing("find this program")?;
        let argument = serde_json::to_string(task).doing("write the task of the consuming process")?;
        let errors = File::create(task.log.with_extension("stderr")).doing("create the file for the consuming process's errors")?;
        let mut child = Command::new(program)
            .args(["demo", "--child"])
            .arg(argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .doing("start the consuming process")?;
        let (sender, reports) = channel();
        let stdout = child.stdout.take();
        let consuming = Self { _stdin: child.stdin.take(), child, reports, log: task.log.clone() };
        std::thread::Builder::new()
            .name("demo-listener".to_owned())
            .spawn(move || {
                for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok) {
                    // A line cut short by the kill is none.
                    if let Ok(report) = serde_json::from_str(&line)
                        && sender.send(report).is_err()
                    {
                        return;
                    }
                }
            })
            .doing("listen to the consuming process")?;
        Ok(consuming)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Listens until there is something to decide; every other report goes to `progress`.
    pub(super) fn listen(&self, interrupt: &Interrupt, mut progress: impl FnMut(&Counts)) -> Result<Heard, Failure> {
        let mut last = Counts::default();
        let mut changed = Instant::now();
        loop {
            interrupt.check()?;
            match self.reports.recv_timeout(GLANCE) {
                Ok(Report::Progress(counts)) => {
                    if counts != last {
                        (last, changed) = (counts, Instant::now());
                    }
                    progress(&counts);
                }
                Ok(Report::Reached(counts)) => return Ok(Heard::Reached(counts)),
                Ok(Report::End(counts)) => return Ok(Heard::End(counts)),
                Ok(Report::Error { broker: true, message }) => return Err(Failure::Broker(message)),
                Ok(Report::Error { broker: false, message }) => return Err(self.failed(&message)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.failed("the consuming process ended without a word")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if changed.elapsed() > PATIENCE {
                let what = format!("the consuming process has done nothing for {} s; what it said last: {last:?}", PATIENCE.as_secs());
                return Err(self.failed(&what));
            }
        }
    }

    /// SIGKILL: no handler, no destructor, no last commit. Returns when the process is gone.
    pub(super) fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().doing("kill the consuming process")?;
        self.child.wait().doing("wait for the killed process").map(drop)
    }

    /// Waits for a child that said it has finished.
    pub(super) fn join(mut self) -> Result<(), Failure> {
        let status = self.child.wait().doing("wait for the consuming process")?;
        if status.success() { Ok(()) } else { Err(self.failed(&format!("the consuming process ended with {status}"))) }
    }

    fn failed(&self, what: &str) -> Failure {
        let said = std::fs::read_to_string(self.log.with_extension("stderr")).unwrap_or_default();
        let tail: Vec<&str> = said.lines().rev().take(10).collect();
        let tail: String = tail.into_iter().rev().map(|line| format!("\n    {line}")).collect();
        Failure::Failed(format!("{what}{tail}"))
    }
}

impl Drop for Consuming {
    fn drop(&mut self) {
        // Both fail only if the process is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

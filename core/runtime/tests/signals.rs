//! The signal helper, in a process of its own: this test starts itself again as the child.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

const CHILD: &str = "ONCEWARD_TEST_SIGNAL_CHILD";

#[test]
fn the_first_signal_resolves_and_a_second_one_exits_at_once() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    for (signal, status) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let mut process = start();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.ends_with("listening")), "the child says that it listens");
        send(&process, signal);
        assert!(lines.any(|line| line.ends_with("draining")), "the first signal resolves the future, and the process lives on");
        send(&process, signal);
        assert_eq!(process.wait().unwrap().code(), Some(status));
    }
}

/// Blocks its only thread after the first signal, as a handler may do.
fn child() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let asked = onceward::shutdown_signal();
        println!("\nlistening");
        asked.await;
        println!("\ndraining");
        loop {
            std::thread::park();
        }
    });
}

fn start() -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--nocapture", "--exact", "the_first_signal_resolves_and_a_second_one_exits_at_once"]);
    command.env(CHILD, "1").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn send(process: &Child, signal: i32) {
    let pid = i32::try_from(process.id()).unwrap();
    // SAFETY: a plain system call; the child was not waited for yet, so the number is still its own.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(pid, signal) };
    assert_eq!(sent, 0);
}

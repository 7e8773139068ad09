//! A hundred thousand open letters: listed, grouped and asked for within bounded memory.
#![allow(unsafe_code, reason = "the standard library tells no child's memory")]
#![allow(clippy::zombie_processes, reason = "`wait4` waits")]
#![allow(clippy::print_stderr, reason = "figures, for those who ask with --nocapture")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use onceward::ledger::{LetterRecord, LetterState, Record};
use serde_json::Value;

use crate::ledger::{World, record};

const LETTERS: i64 = 100_000;

/// The ledger takes some 50 MB; what is fetched ahead is little beside it.
const MEMORY: u64 = 150 << 20;

/// Runs the command; its document, how long it took, and the most memory that it had.
fn measured(world: &World, arguments: &[&str]) -> (Value, Duration, u64) {
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_onceward"));
    command.env_clear().args(arguments).args(["--json", "--topic", &world.topic, "--brokers", &world.brokers, "--group", "billing"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let id = i32::try_from(child.id()).unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stdout.unwrap(), &mut said).unwrap();
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both are ours and outlive the call; zeroes are a valid `rusage`. The child is waited for here and nowhere else.
    let usage = unsafe {
        assert_eq!(libc::wait4(id, &raw mut status, 0, usage.as_mut_ptr()), id);
        usage.assume_init()
    };
    assert_eq!(status, 0, "{arguments:?} failed: {said}");
    let memory = u64::try_from(usage.ru_maxrss).unwrap() << 10;
    (serde_json::from_str(&said).unwrap(), begun.elapsed(), memory)
}

#[test]
fn a_hundred_thousand_letters_fit_into_memory() {
    let world = World::new();
    world.claim(0);
    for offset in 0..LETTERS {
        let (key, fingerprint) = (format!("k{}", offset % 40_000), format!("{:016x}", offset % 7));
        let open = record(offset, LetterState::Open, &key, &fingerprint, offset);
        world.note(0, &Record::Letter(LetterRecord { holds: false, time: world.now, ..open }));
        world.letter(0, offset, &key, &fingerprint);
    }
    world.flush();
    let (list, listed, memory) = measured(&world, &["dlt", "list"]);
    eprintln!("list: {listed:?}, {} MiB", memory >> 20);
    assert_eq!((&list["letters"], list["groups"].as_array().unwrap().len(), &list["expired"]), (&LETTERS.into(), 7, &0.into()));
    assert!(
        list["groups"][0]["keys"] == 10_000 && list["groups"][0]["keys_capped"] == true
            || list["groups"][0]["keys"].as_u64() < Some(10_000)
    );
    assert!(memory < MEMORY, "{} MiB", memory >> 20);
    let (asked, took, memory) = measured(&world, &["dlt", "replay", "--yes"]);
    eprintln!("replay --yes: {took:?}, {} MiB", memory >> 20);
    assert_eq!((&asked["letters"], asked["commands"].as_array().unwrap().len()), (&LETTERS.into(), 100));
    assert!(memory < MEMORY, "{} MiB", memory >> 20);
    let (again, took, memory) = measured(&world, &["dlt", "replay", "--yes"]);
    eprintln!("replay again: {took:?}, {} MiB", memory >> 20);
    assert_eq!((&again["letters"], &again["topics"][0]["asked_before"]), (&0.into(), &LETTERS.into()));
    assert!(memory < MEMORY, "{} MiB", memory >> 20);
}

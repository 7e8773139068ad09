//! Suspects and their charges, over all processes that share an inbox on this host.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use onceward_engine::{PartitionId, Suspect};

use super::boot::boot_id;
use super::name::Name;
use super::page::{self, Copy, Head, Line};
use super::running::Running;

/// Processes that may share an inbox.
const PROCESSES: u32 = 256;

/// Slots beyond those of handlers that may run at once: for those that never end, and for the members of batches.
const SPARE: usize = 1_024;

/// A suspect of which nobody heard again: its topic is gone, or another host has its partition.
const FORGOTTEN: u64 = 7 * 86_400;

/// What this process knows of events that may kill it, and where it writes what runs.
#[derive(Debug)]
pub(crate) struct Journal {
    base: PathBuf,
    boot: [u64; 2],
    running: Arc<Running>,
    /// Which of the files is ours.
    number: u32,
    /// Suspects with their charges, and where they stand in our file.
    suspects: HashMap<Name, (u64, usize)>,
    free: BTreeSet<usize>,
    /// Who answered, so that another process that has not heard of it does not make it a suspect again.
    acquitted: HashSet<Name>,
}

impl Journal {
    /// Takes a file of its own beside an inbox, and takes over what dead processes left.
    ///
    /// # Errors
    /// The file system refuses, or has no mapped files.
    pub(crate) fn open(inbox: &Path, concurrency: u32) -> io::Result<Self> {
        let slots = SPARE.saturating_add(4 * usize::try_from(concurrency).unwrap_or(0)).min(1 << 19);
        let boot = boot_id();
        for number in 0..PROCESSES {
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path(inbox, number))?;
            if !lock(&file)? {
                continue;
            }
            let left = page::read(&mut file)?;
            let page = page::make(&mut file, Head { boot, open: true, slots })?;
            let mut journal = Self {
                base: inbox.to_owned(),
                boot,
                running: Running::new(page, file),
                number,
                suspects: HashMap::new(),
                free: (0..slots).collect(),
                acquitted: HashSet::new(),
            };
            if let Some(left) = left {
                journal.take_over(&left);
            }
            journal.look_around()?;
            return Ok(journal);
        }
        Err(io::Error::other(format!("{PROCESSES} processes use this inbox already")))
    }

    /// Where handlers say what they have in hands.
    pub(crate) fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running)
    }

    /// The suspects of a partition that is ours from now on. Asked once per assignment: what died before may have held it.
    pub(crate) fn suspects_of(&mut self, topic: u64, number: i32, partition: PartitionId) -> Vec<Suspect> {
        if let Err(error) = self.look_around() {
            tracing::warn!(target: "onceward", %error, "can't read what other processes were handling when they died");
        }
        let mut suspects: Vec<_> = self.suspects.iter().filter(|(name, _)| name.topic == topic && name.partition == number).collect();
        suspects.sort_unstable_by_key(|(name, _)| name.offset);
        if let Some((first, _)) = suspects.first() {
            let deaths_alone = suspects.iter().map(|(_, suspect)| suspect.0).max().unwrap_or(0);
            tracing::warn!(target: "onceward", partition = number, events = suspects.len(), first_offset = first.offset, deaths_alone,
                "these events were being handled when a process died: each is handled alone, so that another death has one culprit");
        }
        let named = |(name, &(charges, _)): (&Name, &(u64, usize))| Suspect {
            event: name.event(partition),
            charges: u32::try_from(charges).unwrap_or(u32::MAX),
        };
        suspects.into_iter().map(named).collect()
    }

    /// Whether anybody is suspected: what costs something is done only then.
    pub(crate) fn suspects_anybody(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// How often a process died while nothing but this event was being handled.
    pub(crate) fn charges(&self, name: &Name) -> u64 {
        self.suspects.get(name).map_or(0, |suspect| suspect.0)
    }

    /// Its handler answered, or it is given up: it is forgotten here and in the files of others.
    pub(crate) fn acquit(&mut self, name: &Name) {
        let Some((_, slot)) = self.suspects.remove(name) else { return };
        page::clear(self.running.page.suspect(slot));
        self.free.insert(slot);
        self.acquitted.insert(*name);
        for number in others(self.number) {
            let Ok(mut file) = OpenOptions::new().read(true).write(true).open(path(&self.base, number)) else { break };
            if let Err(error) = clear_in(&mut file, name) {
                tracing::debug!(target: "onceward", %error, "a suspect that answered stays in another process's journal");
            }
        }
    }

    /// The process ends as it should: what still runs is not charged.
    pub(crate) fn close(&self) {
        self.running.page.say_open(false);
    }

    /// Reads the files of others: suspects of those that live, and everything of those that are dead.
    fn look_around(&mut self) -> io::Result<()> {
        for number in others(self.number) {
            let mut file = match OpenOptions::new().read(true).write(true).open(path(&self.base, number)) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            let dead = lock(&file)?;
            let Some(copy) = page::read(&mut file)? else { continue };
            if dead && !(copy.running.is_empty() && copy.suspects.is_empty()) {
                self.take_over(&copy);
                drop(page::make(&mut file, Head { boot: self.boot, open: false, slots: copy.head.slots })?);
            } else {
                copy.suspects.iter().for_each(|(_, line)| self.suspect(line.name, line.number, line.since));
            }
        }
        Ok(())
    }

    /// What a dead process was handling, and whom it suspected.
    fn take_over(&mut self, left: &Copy) {
        for (_, line) in &left.suspects {
            self.suspect(line.name, line.number, line.since);
        }
        let charged = culprit(left, self.boot);
        for line in &left.running {
            let known = self.suspects.get(&line.name).map_or(0, |suspect| suspect.0);
            // Whoever was acquitted before is suspected anew.
            self.acquitted.remove(&line.name);
            self.suspect(line.name, known + u64::from(charged == Some(line.name)), now());
        }
    }

    fn suspect(&mut self, name: Name, charges: u64, since: u64) {
        if self.acquitted.contains(&name) || now().saturating_sub(since) > FORGOTTEN {
            return;
        }
        let slot = match self.suspects.get(&name) {
            Some(&(known, _)) if known >= charges => return,
            Some(&(_, slot)) => slot,
            // As many as handlers could run: more are of several deaths, and the first ones come first.
            None => match self.free.pop_first() {
                Some(slot) => slot,
                None => return,
            },
        };
        page::write(self.running.page.suspect(slot), &Line { name, alone: false, number: charges, since });
        self.suspects.insert(name, (charges, slot));
    }
}

/// Who is charged for a death: the one that began last, if it began alone. What began before it did not let go, and was left out of it.
fn culprit(left: &Copy, boot: [u64; 2]) -> Option<Name> {
    if !left.head.open || left.head.boot != boot {
        return None;
    }
    let last = left.running.iter().filter(|line| line.alone).max_by_key(|line| line.number)?;
    let company = left.running.iter().any(|line| !line.alone && line.number >= last.number);
    (!company).then_some(last.name)
}

fn clear_in(file: &mut File, name: &Name) -> io::Result<()> {
    let Some(copy) = page::read(file)? else { return Ok(()) };
    for (slot, _) in copy.suspects.iter().filter(|(_, line)| line.name == *name) {
        file.seek(SeekFrom::Start(page::suspect_at(copy.head.slots, *slot)))?;
        file.write_all(&0_u64.to_ne_bytes())?;
    }
    Ok(())
}

/// Files are taken from the lowest number on, and never removed.
fn others(own: u32) -> impl Iterator<Item = u32> {
    (0..PROCESSES).filter(move |&number| number != own)
}

fn path(inbox: &Path, number: u32) -> PathBuf {
    let mut path = OsString::from(inbox);
    path.push(format!("-running-{number}"));
    path.into()
}

fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

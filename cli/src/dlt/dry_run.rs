//! `onceward dlt replay --dry-run-handler -- COMMAND`: the letters of a replay, handed to the handlers of a service that keeps nothing of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::Permissions;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, ExitCode, Stdio};

use onceward::dry_run::{Case, Folder, Tried, VARIABLE, Verdict};
use onceward::ledger::{Ledger, Letter, LetterState, Offset};
use serde::Serialize;

use super::Where;
use super::filter::Filter;
use super::letter::StoredLetter;
use super::place::{Letters, Shelf};
use super::standing::parts;
use crate::exit::{Failure, NO};
use crate::output::{self, Report, Table};

/// Letters that are chosen if nobody says how many.
const USUAL: usize = 1_000;
/// Letters with those held behind them: their events go through a file and the service's memory.
const MOST: usize = 10_000;
/// Lines of letters that would not be handled.
const SHOWN: usize = 50;

#[derive(Debug, Default, Serialize)]
struct Trial {
    group: String,
    handled: u64,
    known: u64,
    failed: u64,
    behind: u64,
    unreadable: u64,
    unhandled: u64,
    /// Letters that the broker deleted.
    expired: u64,
    /// Letters that fit and were left out, since there were more than the limit.
    left_out: u64,
    /// Why letters failed, the most frequent first.
    causes: Vec<Cause>,
    letters: Vec<Tried>,
}

#[derive(Debug, Serialize)]
struct Cause {
    count: u64,
    reason: String,
    error_type: String,
    /// Of one of them.
    message: String,
}

/// Letters of one shelf that a replay would run, by partition and place.
type Wanted<'a> = BTreeMap<(i32, i64), &'a Letter>;

pub(super) fn run(place: &Where, filter: &Filter, command: &[OsString], json: bool) -> Result<ExitCode, Failure> {
    let letters = Letters::find(place)?;
    let mut left = filter.limit.map_or(USUAL, |limit| usize::try_from(limit).unwrap_or(usize::MAX)).min(MOST);
    let (mut cases, mut trial) = (Vec::new(), Trial { group: letters.group().to_owned(), ..Trial::default() });
    for shelf in &letters.shelves {
        let Some(ledger) = letters.ledger(shelf)? else { continue };
        let meant = filter.of_ledger(&letters, shelf, &ledger)?;
        let mut chosen = ledger.choose(letters.group(), shelf.source.as_deref().unwrap_or_default(), &meant, None);
        trial.left_out += chosen.len().saturating_sub(left) as u64;
        chosen.truncate(left);
        left -= chosen.len();
        let chosen = chosen.iter().map(|chosen| (chosen.partition, chosen.letter.record.offset)).collect();
        let wanted = would_run(&ledger, &chosen, MOST.saturating_sub(cases.len()));
        let before = cases.len();
        read(&letters, shelf, &wanted, &mut cases)?;
        trial.expired += (wanted.len() + before).saturating_sub(cases.len()) as u64;
    }
    if cases.is_empty() {
        return Err(Failure::NotFound("no letter fits that a replay would handle; `onceward dlt list` shows what there is".to_owned()));
    }
    trial.take(ask(letters.group(), &cases, command)?);
    output::show(&trial, json)?;
    Ok(if trial.is_fine() { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// Chosen letters and what is held behind them, without those that wait for a letter that was not chosen.
fn would_run<'a>(ledger: &'a Ledger, chosen: &BTreeSet<(i32, Offset)>, most: usize) -> Wanted<'a> {
    let mut wanted = Wanted::new();
    for (partition, fold) in ledger.folds() {
        let (mut runs, mut waits) = (HashSet::new(), HashSet::new());
        for letter in fold.letters().filter(|letter| !letter.record.state.is_terminal()) {
            let record = &letter.record;
            let is_behind = record.key.is_some_and(|key| waits.contains(&key));
            let follows = record.state == LetterState::Held && record.key.is_some_and(|key| runs.contains(&key));
            if wanted.len() < most && !is_behind && (follows || chosen.contains(&(partition, record.offset))) {
                runs.extend(record.key);
                wanted.insert((partition, record.letter.0), letter);
            } else if record.holds {
                waits.extend(record.key);
            }
        }
    }
    wanted
}

fn read(letters: &Letters, shelf: &Shelf, wanted: &Wanted<'_>, cases: &mut Vec<Case>) -> Result<(), Failure> {
    if wanted.is_empty() {
        return Ok(());
    }
    let reach = parts(wanted.iter().map(|((partition, _), letter)| (*partition, *letter)));
    letters.each(&shelf.letters, Some(&reach), |stored| {
        if let Some(letter) = wanted.get(&(stored.partition, stored.offset)) {
            let StoredLetter { partition, timestamp, key, value, headers, .. } = stored;
            let topic = shelf.source.clone().unwrap_or_default();
            cases.push(Case { topic, partition, timestamp, key, value, headers, record: letter.record.clone() });
        }
        ControlFlow::Continue(())
    })
}

/// Starts the service and waits for what it says.
fn ask(group: &str, cases: &[Case], command: &[OsString]) -> Result<Vec<Tried>, Failure> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::Usage("--dry-run-handler needs the command of your service behind --".to_owned()));
    };
    // Events lie in it until the service has ended.
    let folder = tempfile::Builder::new().prefix("onceward-dry-run-").permissions(Permissions::from_mode(0o700)).tempdir();
    let folder =
        folder.map_err(|error| Failure::Usage(format!("no folder for the letters: {error}; set TMPDIR to one that can be written")))?;
    let through = Folder::at(folder.path());
    through.ask(group, cases).map_err(|error| Failure::Usage(format!("{}: {error}", folder.path().display())))?;
    let name = program.to_string_lossy();
    let status = Command::new(program)
        .args(arguments)
        .env(VARIABLE, folder.path())
        .stdin(Stdio::null())
        // What a service prints is no part of our answer.
        .stdout(io::stderr())
        .status()
        .map_err(|error| Failure::Usage(format!("{name} can't be started: {error}")))?;
    through.report()?.ok_or_else(|| {
        Failure::Unreachable(format!(
            "{name} ended ({status}) and said nothing of the letters: it has to reach run() of the consumer of group {group}, with an Onceward \
             of this version; what it wrote above says why it did not"
        ))
    })
}

impl Trial {
    fn take(&mut self, letters: Vec<Tried>) {
        let mut causes: HashMap<(String, String), Cause> = HashMap::new();
        for tried in &letters {
            let count = match &tried.verdict {
                Verdict::Handled { .. } => &mut self.handled,
                Verdict::Known => &mut self.known,
                Verdict::Failed { reason, error_type, message } => {
                    let new = || Cause { count: 0, reason: reason.clone(), error_type: error_type.clone(), message: message.clone() };
                    causes.entry((reason.clone(), error_type.clone())).or_insert_with(new).count += 1;
                    &mut self.failed
                }
                Verdict::Behind => &mut self.behind,
                Verdict::Unreadable => &mut self.unreadable,
                Verdict::Unhandled => &mut self.unhandled,
            };
            *count += 1;
        }
        self.causes = causes.into_values().collect();
        self.causes.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.error_type.cmp(&other.error_type)));
        self.letters = letters;
    }

    fn is_fine(&self) -> bool {
        self.failed + self.behind + self.unreadable + self.unhandled + self.expired == 0
    }
}

impl Report for Trial {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        let parts = [
            (self.known, "handled before"),
            (self.failed, "would fail"),
            (self.behind, "held behind those"),
            (self.unreadable, "not what the ledger names"),
            (self.unhandled, "without a handler here"),
            (self.expired, "deleted by the broker"),
            (self.left_out, "not tried: --limit"),
        ];
        let mut tally = format!("{} would be handled", self.handled);
        parts.iter().filter(|(count, _)| *count > 0).for_each(|(count, what)| tally.push_str(&format!(", {count} {what}")));
        writeln!(to, "{tally}")?;
        if !self.causes.is_empty() {
            let mut table = Table::new(&["count", "reason", "error", "message of one of them"]).right(&[0]);
            for cause in &self.causes {
                table.row(&[&cause.count.to_string(), &cause.reason, &cause.error_type, &cause.message]);
            }
            table.write(to)?;
        }
        let bad = |tried: &&Tried| !matches!(tried.verdict, Verdict::Handled { .. } | Verdict::Known);
        for tried in self.letters.iter().filter(bad).take(SHOWN) {
            let what = match &tried.verdict {
                Verdict::Failed { message, .. } => message.as_str(),
                Verdict::Behind => "held behind a letter that would fail",
                Verdict::Unreadable => "what stands at its place is not this letter",
                _ => "no handler of this service is for its topic",
            };
            writeln!(to, "letter {} ({}): {}", tried.letter_id, output::visible(&tried.event_id), output::visible(what))?;
        }
        let more = self.letters.iter().filter(bad).count().saturating_sub(SHOWN);
        if more > 0 {
            writeln!(to, "and {more} more: --json has all")?;
        }
        writeln!(to, "\na dry run: nothing was marked, published or committed; what handlers do by themselves was done")
    }
}

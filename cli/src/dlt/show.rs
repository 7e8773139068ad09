//! `onceward dlt show`: everything about one letter.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use clap::builder::styling::AnsiColor;
use onceward::ledger::Ledger;
use onceward::letter::{Dialect, is_of_letter, letter_id};
use serde::{Serialize, Serializer};

use super::Where;
use super::bytes::{Form, long, short};
use super::letter::StoredLetter;
use super::place::{Letters, Place, Shelf};
use super::standing::Standing;
use crate::exit::Failure;
use crate::output::{self, Report, rfc3339, visible, visible_lines};

const EXAMPLES: &str = "\
Examples:
  onceward dlt show orders.billing.dlt:3:42      the letter at this place
  onceward dlt show 5b1c9d0e7f2a4b68 --as hex    by its id, as `dlt list` prints it
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ShowArgs {
    /// The letter's id, or its place in the dead-letter topic as TOPIC:PARTITION:OFFSET
    letter: String,
    /// How the payload is shown
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t)]
    form: Form,
    #[command(flatten)]
    place: Where,
}

struct Shown {
    letter: StoredLetter,
    standing: Standing,
    form: Form,
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.letter.document(self.standing.clone()).serialize(serializer)
    }
}

impl Report for Shown {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        let bold = AnsiColor::Green.on_default().bold();
        let StoredLetter { timestamp, key, value, headers, letter, .. } = &self.letter;
        let mut field = |name: &str, value: Option<String>| match value {
            Some(value) => writeln!(to, "{name:<16}{}", visible(&value)),
            None => Ok(()),
        };
        field("letter", letter.id.clone())?;
        field("place", Some(self.letter.place()))?;
        field("state", self.standing.state.map(|state| told_state(state).to_owned()))?;
        field("written by", letter.dialect.filter(|dialect| *dialect != Dialect::Onceward).map(|dialect| dialect.name().to_owned()))?;
        for wanted in &self.standing.commands {
            field("asked for", Some(format!("{} by {} at {}", wanted.verb, wanted.who, wanted.at)))?;
        }
        let ahead = self.standing.waits_for.as_ref();
        field("waits for", ahead.map(|ahead| format!("letter {} (offset {} of the source)", ahead.letter_id, ahead.offset)))?;
        field("reason", letter.reason.clone())?;
        field("fingerprint", letter.fingerprint.clone())?;
        field("event id", letter.event_id.clone())?;
        field("correlation id", letter.correlation_id.clone())?;
        field("attempts", letter.attempts.map(|attempts| attempts.to_string()))?;
        field("first failed", letter.first_failed_at.map(rfc3339))?;
        field("last failed", letter.last_failed_at.map(rfc3339))?;
        field("dead-lettered", timestamp.map(rfc3339))?;
        field("held behind", letter.held_behind.clone())?;
        field("replays", self.standing.replays.or(letter.replays).map(|replays| replays.to_string()))?;
        let number = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let origin =
            letter.topic.as_ref().map(|topic| format!("{topic}:{}:{}", number(letter.partition.map(i64::from)), number(letter.offset)));
        field("origin", origin)?;
        field("origin time", letter.timestamp.map(rfc3339))?;
        field("group", letter.group.clone())?;
        field("error", letter.error_type.clone())?;
        field("message", letter.message.clone())?;
        field("key", Some(short(key.as_deref())))?;
        if let Some(stack) = &letter.stack {
            writeln!(to, "\n{bold}stack{bold:#}\n{}", visible_lines(stack.trim_end()))?;
        }
        writeln!(to, "\n{bold}headers{bold:#} ({})", headers.len())?;
        for (name, value) in headers.iter().filter(|(name, _)| !told(name)) {
            writeln!(to, "  {}: {}", short(Some(name)), short(value.as_deref()))?;
        }
        match value {
            None => writeln!(to, "\n{bold}payload{bold:#} (null)"),
            Some(value) => writeln!(to, "\n{bold}payload{bold:#} ({} bytes)\n{}", value.len(), long(value, self.form).trim_end()),
        }
    }
}

fn told_state(state: &str) -> &str {
    match state {
        "orphan" => "orphan: a copy that the ledger does not know, after a crash or from before the ledger",
        state => state,
    }
}

/// Headers whose meaning stands above already, some of them in binary.
fn told(name: &[u8]) -> bool {
    is_of_letter(name)
}

pub(crate) fn run(args: &ShowArgs, json: bool) -> Result<ExitCode, Failure> {
    let mut place = args.place.clone();
    let wanted = Place::parse(&args.letter);
    if let Some(wanted) = &wanted {
        // A place names its topic, so that no dead-letter topic needs to be found.
        place.topics.clear();
        place.dead_letters = vec![wanted.topic.clone()];
    }
    let letters = Letters::find(&place)?;
    let mut found = None;
    for shelf in &letters.shelves {
        let shelf = whose(&letters, shelf, wanted.as_ref());
        let ledger = letters.ledger(&shelf)?;
        let known = ledger.as_ref().and_then(|ledger| known(&letters, &shelf, ledger, &args.letter, wanted.as_ref()));
        let at = known.map(|(partition, letter)| (partition, letter.record.letter.0));
        let stored = match (at, &wanted) {
            (Some((partition, offset)), _) => letters.at(&Place { topic: shelf.letters.clone(), partition, offset })?,
            (None, Some(wanted)) => letters.at(wanted)?,
            (None, None) => last_copy(&letters, &shelf, &args.letter)?,
        };
        if let Some(stored) = stored {
            let standing = Standing::of(&shelf, letters.group(), ledger.as_ref(), known);
            found = Some(Shown { letter: stored, standing, form: args.form });
            break;
        }
    }
    let Some(shown) = found else {
        let hint = "`onceward dlt list` shows ids, and retention may have deleted it";
        let searched = wanted.map_or_else(|| letters.topics().join(", "), |place| place.topic);
        return Err(Failure::NotFound(format!("no letter {} in {searched}; {hint}", args.letter)));
    };
    output::show(&shown, json)?;
    Ok(ExitCode::SUCCESS)
}

/// A place names a dead-letter topic, which is this group's if it is called as one of its topics' is.
fn whose(letters: &Letters, shelf: &Shelf, wanted: Option<&Place>) -> Shelf {
    if wanted.is_none() || shelf.source.is_some() {
        return shelf.clone();
    }
    letters.there.iter().map(|topic| letters.shelf(topic)).find(|ours| ours.letters == shelf.letters).unwrap_or_else(|| shelf.clone())
}

/// What the ledger says of the letter with this id, or at this place.
fn known<'a>(
    letters: &Letters,
    shelf: &Shelf,
    ledger: &'a Ledger,
    id: &str,
    wanted: Option<&Place>,
) -> Option<(i32, &'a onceward::ledger::Letter)> {
    let source = shelf.source.as_deref().unwrap_or_default();
    ledger.letters().find(|(partition, letter)| match wanted {
        Some(place) => (*partition, letter.record.letter.0) == (place.partition, place.offset),
        None => letter_id(letters.group(), source, *partition, letter.record.offset.0) == id,
    })
}

/// A letter written again after a crash has the same id: the last copy is the one that counts.
fn last_copy(letters: &Letters, shelf: &Shelf, id: &str) -> Result<Option<StoredLetter>, Failure> {
    let mut found = None;
    letters.each(&shelf.letters, None, |letter| {
        if letter.letter.id.as_deref() == Some(id) {
            found = Some(letter);
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use onceward::letter::Letter;

    use super::*;

    #[test]
    fn a_letter_is_told_in_full_and_its_binary_headers_only_once() {
        let letter = StoredLetter {
            topic: "orders.billing.dlt".to_owned(),
            partition: 1,
            offset: 7,
            timestamp: Some(0),
            key: None,
            value: Some(b"{\"total\":null}".to_vec()),
            headers: vec![
                (b"ce_type".to_vec(), Some(b"order\x1b[2J".to_vec())),
                (b"\xff".to_vec(), None),
                (b"kafka_dlt-original-offset".to_vec(), Some(vec![0; 8])),
                (b"onceward-id".to_vec(), Some(b"e1".to_vec())),
            ],
            letter: Letter {
                id: Some("abc".to_owned()),
                topic: Some("orders".to_owned()),
                partition: Some(1),
                offset: Some(42),
                error_type: Some("ValueError".to_owned()),
                stack: Some("at a\n  at b\u{7}\n".to_owned()),
                ..Letter::default()
            },
        };
        let mut text = anstream::StripStream::new(Vec::new());
        Shown { letter, standing: Standing::default(), form: Form::Auto }.render(&mut text).unwrap();
        let expected = "\
letter          abc
place           orders.billing.dlt:1:7
dead-lettered   1970-01-01T00:00:00.000Z
origin          orders:1:42
error           ValueError
key             (null)

stack
at a
  at b\\x07

headers (4)
  ce_type: order\\x1b[2J
  0xff: (null)
  onceward-id: e1

payload (14 bytes)
{
  \"total\": null
}
";
        assert_eq!(String::from_utf8(text.into_inner()).unwrap(), expected);
    }
}

//! `onceward dlt show`: everything about one letter.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use clap::builder::styling::AnsiColor;
use serde::{Serialize, Serializer};

use super::Where;
use super::bytes::{Form, long, short};
use super::letter::StoredLetter;
use super::place::{Letters, Place};
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
    form: Form,
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.letter.document().serialize(serializer)
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
        field("reason", letter.reason.clone())?;
        field("fingerprint", letter.fingerprint.clone())?;
        field("event id", letter.event_id.clone())?;
        field("correlation id", letter.correlation_id.clone())?;
        field("attempts", letter.attempts.map(|attempts| attempts.to_string()))?;
        field("first failed", letter.first_failed_at.map(rfc3339))?;
        field("last failed", letter.last_failed_at.map(rfc3339))?;
        field("dead-lettered", timestamp.map(rfc3339))?;
        field("held behind", letter.held_behind.clone())?;
        field("replays", letter.replays.map(|replays| replays.to_string()))?;
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

/// Headers whose meaning stands above already, some of them in binary.
fn told(name: &[u8]) -> bool {
    name.starts_with(b"kafka_dlt-") || (name.starts_with(b"onceward-") && name != onceward::wire::ID.as_bytes())
}

pub(crate) fn run(args: &ShowArgs, json: bool) -> Result<ExitCode, Failure> {
    let mut place = args.place.clone();
    let wanted = Place::parse(&args.letter);
    if let (Some(wanted), true) = (&wanted, place.topics.is_empty()) {
        // A place names its topic, so that no dead-letter topic needs to be found.
        place.topics = vec![wanted.topic.clone()];
    }
    let letters = Letters::find(&place)?;
    let found = match &wanted {
        Some(wanted) => letters.at(wanted)?,
        None => {
            let mut found = None;
            // A letter written again after a crash has the same id: the last copy is the one that counts.
            letters.each(|letter| {
                if letter.letter.id.as_deref() == Some(args.letter.as_str()) {
                    found = Some(letter);
                }
                ControlFlow::Continue(())
            })?;
            found
        }
    };
    let Some(letter) = found else {
        let hint = "`onceward dlt list` shows ids, and retention may have deleted it";
        let searched = wanted.map_or_else(|| letters.topics().join(", "), |place| place.topic);
        return Err(Failure::NotFound(format!("no letter {} in {searched}; {hint}", args.letter)));
    };
    output::show(&Shown { letter, form: args.form }, json)?;
    Ok(ExitCode::SUCCESS)
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
        Shown { letter, form: Form::Auto }.render(&mut text).unwrap();
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

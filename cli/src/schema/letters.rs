//! `onceward schema letters`: would the letters in the queue be readable with a schema?

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use onceward::registry::{Registry, RegistryErrorKind};
use onceward_schema::framing::{self, SchemaId};
use onceward_schema::{Decoder, Format, Limits, Source};
use serde::Serialize;

use super::registry::RegistryArgs;
use crate::dlt::readable::each_open;
use crate::dlt::{StoredLetter, Where};
use crate::exit::{Failure, NO};
use crate::output::{self, Report, visible};

/// Lines of letters that could not be read.
const SHOWN: usize = 50;

#[derive(Debug, Args)]
pub(crate) struct LettersArgs {
    /// The schema that is to read them
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
    /// avro, json or protobuf [default: by the name, .avsc, .json or .proto]
    #[arg(long = "type", value_name = "TYPE")]
    language: Option<Format>,
    /// Protobuf without a registry: the full name of the message [default: the first of the file]
    #[arg(long, value_name = "NAME")]
    message: Option<String>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    new: String,
    /// Letters that are not settled and have a value.
    letters: u64,
    readable: u64,
    /// The first thousand of the others.
    unreadable: Vec<Unreadable>,
}

#[derive(Debug, Serialize)]
struct Unreadable {
    /// Where the letter lies: `TOPIC:PARTITION:OFFSET`.
    place: String,
    letter_id: Option<String>,
    /// The schema that wrote it.
    schema: Option<String>,
    problem: String,
}

/// What reads letters.
struct Reader {
    registry: Option<Registry>,
    format: Format,
    schema: Source,
    message: Option<String>,
    /// By the schema that wrote them.
    decoders: HashMap<Option<SchemaId>, Result<Decoder, String>>,
}

pub(super) fn run(args: &LettersArgs, json: bool) -> Result<ExitCode, Failure> {
    let new = args.new.display().to_string();
    let text = fs::read_to_string(&args.new).map_err(|error| Failure::Unchecked(format!("{new} can't be read: {error}")))?;
    let format = args.language.or_else(|| Format::guess(&new, &text));
    let format =
        format.ok_or_else(|| Failure::Usage(format!("the name {new} does not tell the format; say --type avro, json or protobuf")))?;
    let schema = Source::new(new.clone(), text);
    // A schema that is none is told as such, and not as letters that can't be read.
    Decoder::new(format, &schema, None, args.message.as_deref(), &Limits::default())
        .map_err(|error| Failure::Unchecked(error.to_string()))?;
    let mut reader = Reader { registry: args.registry.connect()?, format, schema, message: args.message.clone(), decoders: HashMap::new() };
    let mut answer = Answer { new, ..Answer::default() };
    each_open(&args.place, |_, stored| {
        let Some(value) = &stored.value else { return Ok(()) };
        answer.letters += 1;
        match reader.read(stored, value)? {
            Ok(()) => answer.readable += 1,
            Err((schema, problem)) if answer.unreadable.len() < 1_000 => answer.unreadable.push(Unreadable {
                place: format!("{}:{}:{}", stored.topic, stored.partition, stored.offset),
                letter_id: stored.letter.id.clone(),
                schema: schema.map(|id| id.to_string()),
                problem,
            }),
            Err(_) => {}
        }
        Ok(())
    })?;
    output::show(&answer, json)?;
    Ok(if answer.readable == answer.letters { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

type Read = Result<(), (Option<SchemaId>, String)>;

impl Reader {
    /// # Errors
    /// The registry has no answer: whether this letter could be read is not known.
    fn read(&mut self, stored: &StoredLetter, value: &[u8]) -> Result<Read, Failure> {
        let mut from = (None, value);
        if self.registry.is_some() {
            let header = stored.headers.iter().rev().find(|(name, value)| name == framing::HEADER.as_bytes() && value.is_some());
            from = match framing::read(value, header.and_then(|(_, value)| value.as_deref())) {
                Ok((id, rest)) => (Some(id), rest),
                Err(error) => return Ok(Err((None, error.to_string()))),
            };
        }
        let (id, mut rest) = from;
        if !self.decoders.contains_key(&id) {
            let decoder = self.decoder(id.as_ref())?;
            self.decoders.insert(id.clone(), decoder);
        }
        let decoder = match self.decoders.get(&id) {
            Some(Ok(decoder)) => decoder,
            Some(Err(problem)) => return Ok(Err((id, problem.clone()))),
            None => return Ok(Err((id, String::new()))),
        };
        let mut path = Vec::new();
        if id.is_some() && self.format == Format::Protobuf {
            match framing::message(rest) {
                Ok(found) => (path, rest) = found,
                Err(error) => return Ok(Err((id, error.to_string()))),
            }
        }
        Ok(decoder.decode(rest, &path).map(drop).map_err(|error| (id, error.to_string())))
    }

    fn decoder(&self, id: Option<&SchemaId>) -> Result<Result<Decoder, String>, Failure> {
        let limits = Limits::default();
        let message = self.message.as_deref();
        let (Some(id), Some(registry)) = (id, &self.registry) else {
            return Ok(Decoder::new(self.format, &self.schema, None, message, &limits).map_err(|error| error.to_string()));
        };
        let found = match id {
            SchemaId::Number(number) => registry.by_id(*number),
            SchemaId::Guid(guid) => registry.by_guid(guid),
        };
        let writer = match found {
            Ok(writer) => writer,
            Err(error) if error.kind == RegistryErrorKind::Away => return Err(error.into()),
            Err(error) => return Ok(Err(error.text)),
        };
        if writer.format != self.format {
            return Ok(Err(format!("it is written in {}, and the schema in {}", writer.format.name(), self.format.name())));
        }
        Ok(Decoder::new(self.format, &writer.source, Some(&self.schema), None, &limits).map_err(|error| error.to_string()))
    }
}

impl Report for Answer {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        if self.letters == 0 {
            return writeln!(to, "no letter is open");
        }
        for one in self.unreadable.iter().take(SHOWN) {
            let schema = one.schema.as_ref().map_or_else(String::new, |id| format!(" (schema {id})"));
            writeln!(to, "  unreadable  {}{}  {}", visible(&one.place), visible(&schema), visible(&one.problem))?;
        }
        let more = (self.letters - self.readable).saturating_sub(u64::try_from(SHOWN).unwrap_or(u64::MAX));
        if more > 0 {
            writeln!(to, "  and {more} more")?;
        }
        writeln!(to, "{} of {} open letters are readable with {}", self.readable, self.letters, visible(&self.new))
    }
}

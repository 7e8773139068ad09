//! What reaches the loop.

use crate::archive::ArchiveFact;
use crate::executor::Completion;
use crate::inbox::InboxFact;
use crate::kafka::SourceFact;
use crate::letter::ProducerFact;

/// One message to the driver.
#[derive(Debug)]
pub(crate) enum Fact {
    /// From the poll thread.
    Source(SourceFact),
    /// From handlers.
    Completed(Vec<Completion>),
    /// From the inbox.
    Inbox(InboxFact),
    /// From the producer.
    Producer(ProducerFact),
    /// Ledgers and letters.
    Archive(ArchiveFact),
    /// A topic has to wait for the schema registry, with the reason; or need not any longer.
    Registry { topic: String, away: Option<String> },
    /// A person pauses a topic, or lets it go on.
    Suspend { topic: String, suspended: bool },
    /// Somebody asks whether the loop still turns.
    Pulse,
    /// Drain, commit, close.
    Stop,
}

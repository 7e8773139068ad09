//! Commits: asynchronous, one per partition at a time, many partitions in one request.

use onceward_engine::{Epoch, Offset, PartitionId};
use rdkafka::consumer::Consumer as _;

use super::SourceFact;
use super::pause::offsets;
use super::poll::Poll;
use super::sys::Event;

#[derive(Clone, Copy)]
struct Commit {
    partition: PartitionId,
    epoch: Epoch,
    next: Offset,
}

impl Commit {
    fn answer(self, error: Option<String>) -> SourceFact {
        SourceFact::Committed { partition: self.partition, epoch: self.epoch, next: self.next, error }
    }
}

/// Commits that are ordered, and those that the broker has not answered.
#[derive(Default)]
pub(super) struct Commits {
    wanted: Vec<Commit>,
    outstanding: Vec<Commit>,
}

impl Poll {
    pub(super) fn want_commit(&mut self, partition: PartitionId, epoch: Epoch, next: Offset) {
        let commit = Commit { partition, epoch, next };
        // A broker accepts a commit of any member of the current generation, whoever owns the partition: a late one would move the
        // group's offset under the new owner's feet. So the check is ours.
        if self.table.live(partition, epoch).is_none() {
            return self.say(commit.answer(Some("the partition was given back before this commit".to_owned())));
        }
        if self.commits.outstanding.iter().chain(&self.commits.wanted).any(|other| other.partition == partition && other.epoch == epoch) {
            return self.say(commit.answer(Some("a commit of this partition is not answered yet".to_owned())));
        }
        self.commits.wanted.push(commit);
    }

    pub(super) fn send_commits(&mut self) {
        if self.commits.wanted.is_empty() {
            return;
        }
        let wanted = std::mem::take(&mut self.commits.wanted);
        let places = wanted.iter().map(|commit| (&self.table.slots[commit.partition.0 as usize].place, commit.next.0));
        let client = self.consumer.client().native_ptr();
        let sent = offsets(places).map_err(|error| error.to_string());
        match sent.and_then(|list| self.queue.commit(client, &list).map_err(|code| code.to_string())) {
            Ok(()) => self.commits.outstanding.extend(wanted),
            Err(error) => {
                for commit in wanted {
                    self.say(commit.answer(Some(error.clone())));
                }
            }
        }
    }

    /// The broker, or librdkafka in its place, answered.
    pub(super) fn committed(&mut self, event: &Event) {
        let error = event.error();
        for place in event.places() {
            let Some(index) = self.table.find(place.topic.as_bytes(), place.partition) else { continue };
            let id = self.table.slots[index].id;
            let same = |commit: &Commit| commit.partition == id && commit.next.0 == place.offset;
            let Some(at) = self.commits.outstanding.iter().position(same) else { continue };
            let commit = self.commits.outstanding.swap_remove(at);
            match place.error.or(error) {
                Some(error) => self.say(commit.answer(Some(error.to_string()))),
                None => {
                    self.alive();
                    self.say(commit.answer(None));
                }
            }
        }
    }

    /// Nobody will answer these any more.
    pub(super) fn drop_commits(&mut self, why: &str) {
        for commit in std::mem::take(&mut self.commits.outstanding) {
            self.say(commit.answer(Some(why.to_owned())));
        }
    }
}

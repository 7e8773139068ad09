//! Topics that come in while the consumer runs: found by a pattern, and ready to be read.

use rdkafka::consumer::Consumer as _;

use super::fault;
use super::identity::Identifier;
use super::poll::Poll;
use super::start::Question;
use super::{NewTopic, SourceFact};

impl Poll {
    /// Subscribes to more. What is assigned stays: the group only hears of a longer list.
    pub(super) fn subscribe(&mut self, topics: Vec<NewTopic>) {
        for NewTopic { settings, partitions, fresh } in topics {
            if self.settings.topics.iter().any(|known| known.name == settings.name) {
                continue;
            }
            self.identifiers.push(Identifier::new(&self.settings.group, &settings));
            self.table.add(&settings.name);
            self.asker.ask(Question::Know { topic: settings.name.clone(), partitions, fresh });
            self.say(SourceFact::Joined { topic: Box::new(settings.clone()) });
            self.settings.topics.push(settings);
        }
        let names: Vec<&str> = self.settings.topics.iter().map(|topic| topic.name.as_str()).collect();
        if let Err(error) = self.consumer.subscribe(&names) {
            self.fail(fault::broker(format!("subscribing to {}", names.join(", ")), error.to_string(), "Correct the topic names"));
        }
    }

    /// Whether an error is about a topic that a pattern found: they come and go. librdkafka says in words which topic of the subscription is
    /// not there: `Subscribed topic not available: NAME: …`.
    pub(super) fn is_about_found(&self, place: &str, reason: &str) -> bool {
        let found = |name: &str| self.settings.topics.iter().any(|known| known.name == name && known.pattern.is_some());
        found(place) || reason.split(": ").any(found)
    }
}

//! A service whose handler can be mended, and an operator.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::ledger::{Key, encode};
use onceward::{AutoOffsetReset, Backoff, Builder, Consumer, Event, Failure, Summary};
use onceward_engine::Offset;
use onceward_engine::ledger::{Command, Record, Verb};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::support::{Broker, Sent};

pub const TOPIC: &str = "orders";

/// Events of three keys, `from..to`.
pub fn orders(from: usize, to: usize) -> Vec<Sent<'static>> {
    const KEYS: [&str; 3] = ["a", "b", "c"];
    (from..to)
        .map(|ordinal| Sent {
            key: Some(KEYS[ordinal % 3]),
            value: ordinal.to_string(),
            headers: vec![("onceward-id", format!("order-{ordinal}")), ("correlation-id", format!("flow-{ordinal}"))],
        })
        .collect()
}

/// What handlers did, in order, and whether they are mended.
#[derive(Clone, Default)]
pub struct Service {
    pub handled: Arc<Mutex<BTreeMap<String, Vec<usize>>>>,
    pub replayed: Arc<AtomicU64>,
    pub mended: Arc<AtomicBool>,
}

impl Service {
    /// Fails for these, until it is mended.
    pub fn handler(
        &self,
        poison: fn(usize) -> bool,
    ) -> impl Fn(Event) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>> + Send + Sync + 'static {
        let service = self.clone();
        move |event: Event| {
            let service = service.clone();
            Box::pin(async move {
                let ordinal: usize = std::str::from_utf8(event.value().unwrap()).unwrap().parse().unwrap();
                if poison(ordinal) && !service.mended.load(Ordering::SeqCst) {
                    return Err(std::io::Error::other(format!("order {ordinal} is poisoned")).into());
                }
                if event.replayed() {
                    service.replayed.fetch_add(1, Ordering::SeqCst);
                }
                let key = String::from_utf8_lossy(event.key().unwrap()).into_owned();
                service.handled.lock().unwrap().entry(key).or_default().push(ordinal);
                Ok(())
            })
        }
    }

    pub fn of(&self, key: &str) -> Vec<usize> {
        self.handled.lock().unwrap().get(key).cloned().unwrap_or_default()
    }
}

pub fn builder(broker: &Broker, inbox: &str) -> Builder {
    Consumer::builder()
        .brokers(broker.address())
        .group("g")
        .inbox(inbox)
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .retry(Backoff::new().attempts(2).first(Duration::from_millis(5)))
        .kafka("session.timeout.ms", "4000")
        .kafka("heartbeat.interval.ms", "300")
        // This broker answers an empty fetch only when its time is over.
        .kafka("fetch.wait.max.ms", "100")
        .configure(|config| {
            config.topics.entry(TOPIC.to_owned()).or_default().after_dead_letter = Some(onceward::config::raw::AfterDeadLetter::Hold);
        })
}

pub async fn run(broker: &Broker, inbox: &str, service: &Service, poison: fn(usize) -> bool) -> Summary {
    let app = builder(broker, inbox).build().unwrap().on(TOPIC, service.handler(poison));
    app.run_until_end(std::future::pending()).await.unwrap()
}

/// Somebody wants these letters handled again, or settled.
pub fn command(broker: &Broker, verb: Verb, partition: i32, letters: &[(i64, u32)]) {
    let command = Command {
        id: uuid::Uuid::now_v7().to_string(),
        verb,
        letters: letters.iter().map(|(offset, replays)| (Offset(*offset), *replays)).collect(),
        force: false,
        rate: None,
        who: "test".to_owned(),
        time: 0,
    };
    write(broker, partition, &encode(&Record::Command(command), ""));
}

/// Writes a record to the ledger.
pub fn write(broker: &Broker, partition: i32, (key, value): &(Key, Vec<u8>)) {
    let producer: BaseProducer = rdkafka::ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap();
    let key = key.to_string();
    producer.send(BaseRecord::to("orders.g.ledger").partition(partition).key(&key).payload(value)).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
}

//! Topics with records, made once: order events of about 306 B with two headers, keys `cust-00000` to `cust-09999`.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use crate::{Outcome, env};

const PARTITIONS: i32 = 8;

/// What a topic holds.
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) count: u64,
    pub(crate) poison: u64,
    pub(crate) copies: u64,
    pub(crate) rate: u64,
    pub(crate) poison_keys: u64,
    pub(crate) keys: u64,
}

/// The same numbers for the same seed on every machine (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes((u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes()).into_uuid().to_string()
    }
}

/// Creates a topic with its companions and fills it; one that is full already stays as it is.
pub(crate) fn prepare(topic: &Topic) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (name, extra) in [(topic.name.clone(), None), (format!("{}.dlt", topic.name), Some(())), (format!("{}.out", topic.name), Some(()))]
    {
        runtime.block_on(create(&name, extra.is_some()))?;
    }
    if topic.count == 0 {
        return Ok(());
    }
    let have = total(&topic.name)?;
    if have == topic.count {
        return Ok(());
    }
    if have != 0 {
        return Err(format!("{} holds {have} records, not {}: delete it", topic.name, topic.count).into());
    }
    fill(topic)
}

async fn create(name: &str, companion: bool) -> Outcome<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", env::brokers()).create()?;
    let mut new = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1));
    if companion {
        new = new.set("max.message.bytes", "1200000");
    }
    for result in admin.create_topics(&[new], &AdminOptions::new()).await? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(format!("creating {name}: {code}").into()),
        }
    }
    Ok(())
}

/// Records in a topic.
pub(crate) fn total(topic: &str) -> Outcome<u64> {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", env::brokers()).create()?;
    let wait = Duration::from_secs(10);
    let deadline = Instant::now() + wait;
    loop {
        let sum = (0..PARTITIONS)
            .try_fold(0_i64, |sum, partition| consumer.fetch_watermarks(topic, partition, wait).map(|(low, high)| sum + high - low));
        match sum {
            Ok(sum) => return Ok(u64::try_from(sum)?),
            // A topic that was just created is not known everywhere at once.
            Err(_) if Instant::now() < deadline => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn fill(topic: &Topic) -> Outcome<()> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", env::brokers())
        .set("enable.idempotence", "true")
        .set("linger.ms", if topic.rate > 0 { "0" } else { "20" })
        .set("batch.size", "262144")
        .set("queue.buffering.max.messages", "200000")
        .create()?;
    let mut numbers = Numbers(42);
    let mut started = Instant::now();
    let mut written = 0;
    while written < topic.count {
        let customer = numbers.next() % topic.keys;
        let by_key = topic.poison_keys > 0 && customer < topic.poison_keys;
        let by_record = topic.poison > 0 && written % (1000 / topic.poison) == 7 % (1000 / topic.poison);
        let copies = topic.copies > 0 && written % (1000 / topic.copies) == 3 && written + 1 < topic.count;
        let (key, value) = (format!("cust-{customer:05}"), value(&mut numbers, written, customer, by_key || by_record));
        let (id, correlation) = (numbers.uuid(), numbers.uuid());
        for _ in 0..if copies { 2 } else { 1 } {
            send(&producer, &topic.name, &key, &value, [&id, &correlation])?;
            written += 1;
            if let Some(due) = (written * 1_000_000).checked_div(topic.rate).map(Duration::from_micros) {
                if written == 1 {
                    producer.flush(Duration::from_secs(10))?;
                    started = Instant::now();
                }
                std::thread::sleep(due.saturating_sub(started.elapsed()));
            }
        }
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(())
}

fn send(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, key: &str, value: &str, ids: [&str; 2]) -> Outcome<()> {
    let headers = OwnedHeaders::new()
        .insert(Header { key: "ce_id", value: Some(ids[0]) })
        .insert(Header { key: "correlation-id", value: Some(ids[1]) });
    let mut record = BaseRecord::to(topic).key(key).payload(value).headers(headers);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                std::thread::sleep(Duration::from_millis(2));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

fn value(numbers: &mut Numbers, ordinal: u64, customer: u64, poison: bool) -> String {
    let amount = 100 + numbers.next() % 99_900;
    let mut below = |limit: u64| numbers.next() % limit;
    format!(
        "{{\"type\":\"OrderPlaced\",\"orderId\":\"ord-{ordinal:010}\",\"customerId\":\"cust-{customer:05}\",\"amount\":{amount},\"currency\":\"EUR\",\
         \"channel\":\"web\",\"items\":[{{\"sku\":\"SKU-{:06}\",\"qty\":{},\"price\":{}}},{{\"sku\":\"SKU-{:06}\",\"qty\":{},\"price\":{}}}],\
         \"shipTo\":{{\"country\":\"DE\",\"zip\":\"{:05}\"}},\"placedAt\":\"2026-01-15T10:{:02}:{:02}Z\",\"poison\":{poison}}}",
        below(1_000_000),
        1 + below(5),
        below(10_000),
        below(1_000_000),
        1 + below(3),
        below(10_000),
        below(100_000),
        below(60),
        below(60)
    )
}

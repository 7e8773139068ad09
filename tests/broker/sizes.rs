//! A dead-letter topic whose limit is lowered under way: what is ours is cut, what is the user's never.

use std::collections::BTreeSet;

use onceward::{Event, Failure};
use onceward_tests::kafka::{self, Outgoing, Stored};
use tokio::sync::oneshot;

use crate::service::{Service, runtime};

/// Bytes that compression does not make smaller, different for each number.
fn noise(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

const VALUE: usize = 20_000;

#[test]
fn a_letter_that_is_too_large_loses_our_headers_and_never_a_byte_of_the_record() {
    let service = Service::new("sizes", 1);
    let letters = format!("{}.{}.dlt", service.topic, service.group);
    let runtime = runtime();
    let app = service.builder().build().unwrap().on(service.topic.clone(), |event: Event| {
        let why = "a long story ".repeat(1_000);
        std::future::ready(if event.key() == Some(b"fine") { Ok(()) } else { Err(Failure::reject(why)) })
    });
    let metrics = app.metrics();
    let stranded = |count: usize| metrics.prometheus().contains(&format!("onceward_stranded_letters {count}\n")).then_some(());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = runtime.spawn(app.run(async move { drop(stopped.await) }));
    let send = |numbers: std::ops::Range<u64>| {
        let record = |number: u64| Outgoing {
            key: Some(format!("k{number}").into_bytes()),
            value: Some(noise(number, VALUE)),
            headers: vec![("theirs".to_owned(), Some(noise(number, 100)))],
            ..Outgoing::default()
        };
        kafka::produce(&service.brokers, &service.topic, &numbers.map(record).collect::<Vec<_>>());
    };
    let limit = |bytes: usize| kafka::alter(&service.brokers, &letters, &[("max.message.bytes", &bytes.to_string())]);
    let whole = |letter: &Stored| {
        let number: u64 = String::from_utf8_lossy(letter.key.as_deref().unwrap())[1..].parse().unwrap();
        assert_eq!(letter.value.as_deref(), Some(&*noise(number, VALUE)), "{number}");
        assert_eq!(letter.headers[0], ("theirs".to_owned(), Some(noise(number, 100))), "{number}");
        number
    };
    let arrived = |count: usize| {
        kafka::until("the letters arrive", || Some(kafka::read_all(&service.brokers, &letters)).filter(|letters| letters.len() >= count))
    };
    let message = |letter: &Stored| letter.header("kafka_dlt-exception-message");

    send(0..1);
    let found = arrived(1);
    assert!(message(&found[0]).is_some_and(|text| text.starts_with("a long story")), "there is room for it");

    // For the record and what must be said, and not for the story. Several at once: the limit is one of batches, too.
    limit(VALUE + 1_600);
    send(1..6);
    let found = arrived(6);
    assert_eq!(found.iter().map(whole).collect::<BTreeSet<_>>(), (0..6).collect());
    for letter in &found[1..] {
        assert_eq!((message(letter), letter.header("onceward-reason").as_deref()), (None, Some("rejected")), "what matters stays");
    }
    kafka::until("everything is committed", || (service.committed(0) == Some(6)).then_some(()));
    assert!(stranded(0).is_some(), "a batch that is too large strands nobody");

    // Not even for the record: it waits for a person, and nobody waits for it.
    limit(VALUE / 2);
    send(6..9);
    kafka::until("they are stranded", || stranded(3));
    let fine = Outgoing { key: Some(b"fine".to_vec()), ..Outgoing::default() };
    kafka::produce(&service.brokers, &service.topic, &[fine]);
    kafka::until("another key goes on", || metrics.prometheus().contains("onceward_events_handled_total 1\n").then_some(()));
    assert_eq!(service.committed(0), Some(6), "no offset passes a letter that nobody has");

    limit(VALUE + 1_600);
    let found = arrived(9);
    assert_eq!(found.iter().map(whole).collect::<Vec<_>>().len(), 9, "each once");
    assert_eq!(found.iter().map(whole).collect::<BTreeSet<_>>(), (0..9).collect());
    kafka::until("everything is committed", || (service.committed(0) == Some(10)).then_some(()));
    kafka::until("nobody waits any more", || stranded(0));
    drop(stop);
    runtime.block_on(running).unwrap().unwrap();
}

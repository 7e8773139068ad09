//! Offsets that others moved: an operator's rewind, a topic that was deleted and made again.

use onceward::Error;
use onceward::config::raw::OnRewind;
use onceward_tests::kafka::{self, Outgoing};

use crate::service::Service;

fn ten_records(service: &Service, name: &str) {
    let value = |number: i32| Some(format!("{name}{number}").into_bytes());
    let records: Vec<_> = (0..10).map(|number| Outgoing { partition: Some(0), value: value(number), ..Outgoing::default() }).collect();
    kafka::produce(&service.brokers, &service.topic, &records);
}

/// Ten records handled and committed, then the offset moved back to the fourth.
fn rewound() -> Service {
    let service = Service::new("rewind", 1);
    ten_records(&service, "v");
    let (result, handled) = service.run_until_end(service.builder());
    result.unwrap();
    assert_eq!((handled.len(), service.committed(0)), (10, Some(10)));
    kafka::set_committed(&service.brokers, &service.group, &service.topic, 0, 3);
    service
}

fn on_rewind(service: &Service, choice: OnRewind) -> onceward::Builder {
    service.builder().configure(|config| config.defaults.get_or_insert_default().on_rewind = Some(choice))
}

#[test]
fn an_operators_rewind_is_asked_about_by_default() {
    let service = rewound();
    let (result, handled) = service.run_until_end(service.builder());
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Halted(_)), "{error}");
    assert!(error.to_string().contains("on_rewind"), "the message names the setting that decides: {error}");
    assert_eq!(handled, [], "nothing is handled before somebody decided");
    assert_eq!(service.committed(0), Some(3), "the operator's offset stands");
}

#[test]
fn a_rewind_is_read_again_when_asked_for_and_marks_still_hold() {
    let service = rewound();
    let (result, handled) = service.run_until_end(on_rewind(&service, OnRewind::Reprocess));
    assert_eq!(handled, [], "what is remembered is handled once, whoever rewinds");
    assert_eq!(result.unwrap().duplicates, 7, "the seven records are read again and recognised");
    assert_eq!(service.committed(0), Some(10));
}

#[test]
fn a_rewind_is_skipped_when_asked_for() {
    let service = rewound();
    let (result, handled) = service.run_until_end(on_rewind(&service, OnRewind::Skip));
    result.unwrap();
    assert_eq!(handled, [], "what is handled stays handled");
    assert_eq!(service.committed(0), Some(10));
}

#[test]
fn a_recreated_topic_starts_afresh() {
    let service = Service::new("recreated", 1);
    ten_records(&service, "old");
    let (result, handled) = service.run_until_end(service.builder());
    result.unwrap();
    assert_eq!(handled.len(), 10);
    kafka::delete(&service.brokers, &service.topic);
    kafka::create(&service.brokers, &service.topic, 1, &[]);
    // The same offsets with other records: coordinates must not make them copies of the old ones.
    ten_records(&service, "new");
    let (result, handled) = service.run_until_end(service.builder());
    result.unwrap();
    let values: Vec<_> = handled.iter().map(|(_, _, value)| value.clone()).collect();
    assert_eq!(values, (0..10).map(|number| format!("new{number}")).collect::<Vec<_>>());
}

//! Handlers of patterns: what they are given, and by whose rules.

use onceward::config::raw;
use onceward::testing::SendOptions;
use onceward::{Error, Event, Failure, HandlerOptions};

use crate::support::{builder, event, rig, seeing, seen};

#[test]
fn every_topic_that_a_pattern_matches_is_treated_by_its_table() {
    let app = builder().configure(|config| {
        let fatal = Some(vec!["Error".to_owned()]);
        let rules = raw::Topic { event_id: Some("header:event-id".to_owned()), fatal, ..raw::Topic::default() };
        config.topics.insert("^orders\\..*".to_owned(), rules);
    });
    let failing =
        |event: Event| async move { if event.id() == "bad" { Err(std::io::Error::other("no").into()) } else { seeing(event).await } };
    let rig = rig(app.build().unwrap().on("^orders\\..*", failing).on("orders.us", seeing));
    rig.send("orders.eu", event("c1", "e1")).unwrap();
    rig.send("orders.uk", event("c1", "bad")).unwrap();
    rig.send("orders.us", event("c1", "e3").header("onceward-letter-id", "a handler names this topic")).unwrap();
    rig.send("orders.uk", event("c1", "e2").header("onceward-letter-id", "nobody asked for letters")).unwrap();
    rig.run().unwrap();
    assert_eq!(rig.attempts("bad"), 1, "fatal, by the pattern's table");
    assert_eq!(&*rig.dead_letters()[0].position.topic, "orders.uk.billing.dlt");
    let mut handled = rig.handled();
    handled.sort();
    assert_eq!(handled, ["e1", "e3"]);
    assert_eq!(rig.summary().unwrap().ignored, 1);
    assert_eq!(rig.logs().iter().filter(|line| line.message.contains("dead letters in it")).count(), 1);

    rig.crash().unwrap();
    rig.send("orders.eu", event("c1", "e1")).unwrap();
    rig.send("orders.eu", event("c1", "e4")).unwrap();
    rig.run().unwrap();
    assert_eq!((rig.attempts("e1"), rig.attempts("e4")), (1, 1), "the next life knows the topic, and what was handled in it");
    let Err(Error::Topics(why)) = rig.send("ordersXeu", SendOptions::new()) else { panic!("sent") };
    assert!(why.contains("no handler subscribes"), "{why}");
}

#[test]
fn a_pattern_is_paused_and_reads_as_a_topic_does() {
    async fn reading(event: Event) -> Result<(), Failure> {
        let _: Vec<(i64,)> = event.query("SELECT COUNT(*) FROM seen", ())?;
        seeing(event).await
    }
    let app = builder().build().unwrap().on_with("^a.*", HandlerOptions::new().reads(), reading).on("^b.*", seeing);
    let control = app.control();
    let rig = rig(app);
    control.pause("^a.*").unwrap();
    assert!(control.pause("a1").unwrap_err().to_string().contains("^a.*"), "a pattern is paused as a whole");
    rig.send("a1", event("k", "e1")).unwrap();
    rig.send("b1", event("k", "e2")).unwrap();
    rig.run().unwrap();
    assert_eq!(seen(&rig), ["e2"]);
    control.resume("^a.*").unwrap();
    rig.run().unwrap();
    assert_eq!(seen(&rig), ["e2", "e1"]);
}

#[test]
fn two_patterns_for_one_topic_are_refused() {
    let rig = rig(builder().build().unwrap().on("^a.*", seeing).on("^.*z", seeing));
    rig.send("ab", event("k", "e1")).unwrap();
    let Err(Error::Topics(why)) = rig.send("az", event("k", "e2")) else { panic!("sent") };
    assert!(why.contains("\"^a.*\" and \"^.*z\""), "{why}");
}

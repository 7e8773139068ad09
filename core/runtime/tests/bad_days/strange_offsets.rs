//! Review: sequences that break a promise.

use std::time::Duration;

use onceward::{Event, Failure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};

use crate::world::{LONG, World};

async fn nothing(_: Event) -> Result<(), Failure> {
    Ok(())
}

fn commit(world: &World, offset: i64) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", world.broker.address()).set("group.id", "g").create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(world.topic, 0, rdkafka::Offset::Offset(offset)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

/// The log was cut off (an unclean election), or somebody reset the group too far: the broker's end lies below the group's offset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offset_behind_the_end_of_the_log_does_not_hang() {
    let world = World::new("cut-off", 1);
    world.send(0..10, 3);
    commit(&world, 500);
    let app = world.builder("memory").build().unwrap().on("cut-off", nothing);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(app.run_until_end(async move { drop(stopped.await) }));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(run.is_finished(), "after ten seconds: no record, no error, no end");
    drop(stop);
    assert!(tokio::time::timeout(LONG, run).await.unwrap().unwrap().is_err());
}

/// The topic was made again and nobody can tell: the broker is older than topic ids, or did not answer the question for them in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_a_topic_made_again_are_not_dropped_in_silence() {
    let plain = |world: &World, name: &str| {
        let sent = |number: i32| crate::support::Sent { key: Some("k"), value: format!("{name}{number}"), headers: vec![] };
        world.broker.send(world.topic, (0..10).map(sent));
    };
    let old = World::new("made-again", 1);
    plain(&old, "old");
    let inbox = format!("sqlite:{}", old.file().display());
    let app = old.builder(&inbox).build().unwrap().on("made-again", nothing);
    assert_eq!(app.run_until_end(std::future::pending()).await.unwrap().handled, 10);
    // A new log under the old name, without committed offsets.
    let new = World::new("made-again", 1);
    plain(&new, "new");
    let app = new.builder(&inbox).build().unwrap().on("made-again", nothing);
    match app.run_until_end(std::future::pending()).await {
        Ok(summary) => assert_eq!((summary.handled, summary.duplicates), (10, 0), "ten events were lost"),
        Err(error) => assert!(error.to_string().contains("on_rewind"), "{error}"),
    }
}

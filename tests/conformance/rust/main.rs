//! Rust's runner of the conformance cases; and the check that every language has one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod behave;
mod case;
mod compare;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use case::Case;
use onceward::testing::{Rig, RigOptions};
use onceward::{Backoff, Consumer, DeadLetter, Event, EventBatch, Failure, HandlerOptions};
use serde_json::json;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

fn build(case: &Arc<Case>) -> Consumer {
    let mut settings = json!({"brokers": "localhost:9092", "group": "g", "inbox": "sqlite:unused.db", "auto_offset_reset": "earliest"});
    settings.as_object_mut().unwrap().extend(case.config.clone());
    let settings = settings.to_string().replace("$files", &folder().join("files").display().to_string());
    let config = serde_json::from_str(&settings).unwrap();
    let mut app = Consumer::from_config(config).unwrap();
    for declared in &case.handlers {
        let mut options = HandlerOptions::new();
        if let Some(retry) = &declared.retry {
            options = options.retry(Backoff::from(retry.clone()));
        }
        options = declared.types.iter().fold(options, HandlerOptions::event_type);
        options = declared.fatal.iter().fold(options, HandlerOptions::fatal_name);
        for topic in &declared.topics {
            let case = Arc::clone(case);
            app = if declared.batch {
                app.on_batch_with(topic, options.clone(), move |batch: EventBatch| {
                    let case = Arc::clone(&case);
                    async move {
                        many(&case, &batch);
                        Ok(())
                    }
                })
            } else {
                app.on_with(topic, options.clone(), move |event: Event| {
                    let case = Arc::clone(&case);
                    async move { behave::behave(&case, &event) }
                })
            };
        }
    }
    app
}

fn many(case: &Case, batch: &EventBatch) {
    for (position, event) in batch.iter().enumerate() {
        let result: Result<(), Failure> = behave::behave(case, event);
        if let Err(failure) = result {
            batch.fail(position, failure);
        }
    }
}

fn run(file: &Path) {
    let case: Arc<Case> = Arc::new(serde_json::from_str(&std::fs::read_to_string(file).unwrap()).expect("a case as the README says"));
    let options = case.partitions.iter().fold(RigOptions::new(), |options, (topic, count)| options.partitions(topic, *count));
    let told: Arc<Mutex<Vec<DeadLetter>>> = Arc::default();
    let mut app = build(&case);
    if case.expect.contains_key("told") {
        let heard = Arc::clone(&told);
        app = app.on_dead_letter(move |letter| {
            heard.lock().unwrap().push(letter);
            std::future::ready(())
        });
    }
    let rig = Rig::with(app, options).unwrap();
    for step in &case.script {
        match step.as_str() {
            "send" => case.records.iter().for_each(|record| record.send(&rig)),
            "run" => rig.run().unwrap(),
            "step" => drop(rig.step().unwrap()),
            "crash" => rig.crash().unwrap(),
            "replay" => drop(rig.replay().unwrap()),
            "discard" => drop(rig.discard().unwrap()),
            other => panic!("no step of a script: {other}"),
        }
    }
    for (name, wanted) in &case.expect {
        match name.as_str() {
            "told" => compare::told(wanted, &told.lock().unwrap()),
            _ => compare::compare(name, wanted, &rig),
        }
    }
}

#[test]
fn cases() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 21, "cases are missing");
    // All of them, each with what its assertion said.
    let failed: Vec<_> = files.iter().filter(|file| std::panic::catch_unwind(|| run(file)).is_err()).collect();
    assert!(failed.is_empty(), "cases failed: {failed:?}");
}

/// A binding whose language has no runner is a promise that nobody checks.
#[test]
fn every_language_has_a_runner() {
    let bindings = folder().join("../../bindings");
    for entry in std::fs::read_dir(bindings).unwrap() {
        let language = entry.unwrap().file_name().into_string().unwrap();
        let runner = folder().join(&language);
        let found = std::fs::read_dir(&runner).is_ok_and(|mut files| files.any(|file| file.is_ok_and(|file| file.path().is_file())));
        assert!(language == "bridge" || found, "{language} has a binding and no runner in {}", runner.display());
    }
}

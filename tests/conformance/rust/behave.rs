//! What a handler does, in the vocabulary of the cases.

use onceward::config::parse_duration;
use onceward::inbox::Value as Param;
use onceward::{Event, Failure, Publish, Report};
use serde_json::{Map, Value};

use crate::case::Case;

pub(crate) fn behave(case: &Case, event: &Event) -> Result<(), Failure> {
    let id = event.id();
    let Some(attempts) = case.behaviour.get(&id).or_else(|| case.behaviour.get("*")) else { return Ok(()) };
    let attempt = usize::try_from(event.attempt()).unwrap().min(attempts.len());
    attempts[attempt - 1].iter().try_for_each(|step| act(step, event))
}

fn act(step: &Map<String, Value>, event: &Event) -> Result<(), Failure> {
    let text = |name: &str| step.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(kind) = text("fail") {
        let report = Report { kind: format!("conformance::{kind}"), message: text("message").unwrap_or_default(), chain: String::new() };
        return Err(Failure::foreign(report, vec!["conformance::Trouble".to_owned()]));
    }
    if let Some(why) = text("reject") {
        return Err(Failure::reject(why));
    }
    if let Some(why) = text("unless_replayed") {
        return if event.replayed() { Ok(()) } else { Err(Failure::reject(why)) };
    }
    if let Some(after) = text("retry_after") {
        return Err(Failure::retry_after(parse_duration(&after).unwrap(), "asked for"));
    }
    if step.contains_key("decode") {
        event.json::<Value>()?;
    } else if let Some(effect) = step.get("effect") {
        let params = effect[1].as_array().unwrap().iter().map(|value| param(value, event)).collect::<Vec<_>>();
        event.effect(effect[0].as_str().unwrap().to_owned(), params);
    } else if let Some(published) = step.get("publish") {
        event.publish(publish(published)?);
    } else if let Some(line) = text("log") {
        tracing::warn!("{line}");
    } else {
        panic!("no step of the vocabulary: {step:?}");
    }
    Ok(())
}

fn param(value: &Value, event: &Event) -> Param {
    match value.as_str() {
        Some("$id") => Param::Text(event.id()),
        Some("$key") => event.key().map_or(Param::Null, |key| Param::Text(String::from_utf8(key.to_vec()).unwrap())),
        Some(text) if let Some(field) = text.strip_prefix("$json.") => param(&event.json::<Value>().unwrap()[field], event),
        Some(text) => Param::Text(text.to_owned()),
        None => value.as_i64().map_or(Param::Null, Param::Integer),
    }
}

fn publish(written: &Value) -> Result<Publish, Failure> {
    let mut publish = Publish::to(written["topic"].as_str().unwrap());
    if let Some(key) = written["key"].as_str() {
        publish = publish.key(key);
    }
    if let Some(id) = written["id"].as_str() {
        publish = publish.id(id);
    }
    for header in written["headers"].as_array().into_iter().flatten() {
        let name = header[0].as_str().unwrap();
        publish = match header[1].as_str() {
            Some(value) => publish.header(name, value),
            None => publish.null_header(name),
        };
    }
    Ok(publish.json(&written["json"])?)
}

//! The reference of all fields as Markdown, written from the schema.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::schema::{definition, json_schema, resolve, words};
use crate::kafka::{Client, defaults, owned};

/// The tables of `docs/reference/config.md`.
#[must_use]
pub fn reference() -> String {
    let mut page = String::new();
    let root = resolve(json_schema());
    let mut tables = vec![("Top of the file".to_owned(), root)];
    let mut next = 0;
    while let Some((title, schema)) = tables.get(next).cloned() {
        next += 1;
        table(&mut page, &title, &schema, &mut tables);
    }
    page.push_str("## Properties that Onceward sets itself\n\nNot allowed under `[kafka]`:\n\n| property | why |\n|---|---|\n");
    for property in owned() {
        line(&mut page, &[&format!("`{}`", property.name), property.reason]);
    }
    page.push_str(
        "\n## Properties with another default than librdkafka's\n\nTo be changed under `[kafka]`:\n\n\
         | property | client | default | why |\n|---|---|---|---|\n",
    );
    for property in defaults() {
        let client = match property.client {
            Client::Consumer => "consumer",
            Client::Producer => "producer",
            Client::Either => "both",
        };
        let value = format!("`{}`", property.value.unwrap_or_default());
        line(&mut page, &[&format!("`{}`", property.name), client, &value, property.reason]);
    }
    page
}

fn table(page: &mut String, title: &str, schema: &Map<String, Value>, tables: &mut Vec<(String, Map<String, Value>)>) {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return };
    page.push_str(&format!("## {title}\n\n| field | type | default | meaning |\n|---|---|---|---|\n"));
    for (name, field) in fields {
        let resolved = resolve(field);
        let entry = resolved.get("additionalProperties").filter(|entry| entry.is_object());
        if resolved.contains_key("properties") {
            let parent = title.trim_matches(|c| matches!(c, '`' | '[' | ']'));
            let prefix = if tables.len() == 1 || title == "Top of the file" { String::new() } else { format!("{parent}.") };
            tables.push((format!("`[{prefix}{name}]`"), resolved.clone()));
        }
        let default = resolved.get("default").map_or_else(String::new, |default| format!("`{default}`"));
        let kind = if entry.is_some() { "table".to_owned() } else { kind(field, &resolved) };
        line(page, &[&format!("`{name}`"), &kind, &default, &meaning(&resolved)]);
    }
    page.push('\n');
}

fn line(page: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
    // Writing to a String can't fail.
    let _written = writeln!(page, "| {} |", cells.join(" | "));
}

fn kind(field: &Value, resolved: &Map<String, Value>) -> String {
    if let Some(words) = words(resolved) {
        return words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    match (definition(field), resolved.get("type").and_then(Value::as_str)) {
        (Some("DurationText"), _) => "duration".to_owned(),
        (Some("BytesText"), _) => "bytes".to_owned(),
        (_, Some("object")) => "table".to_owned(),
        (_, Some("array")) => "list of texts".to_owned(),
        (_, Some("string")) => "text".to_owned(),
        (_, Some("integer")) => "whole number".to_owned(),
        (_, Some("boolean")) => "true or false".to_owned(),
        (_, Some(other)) => other.to_owned(),
        (_, None) => String::new(),
    }
}

fn meaning(resolved: &Map<String, Value>) -> String {
    let mut text = resolved.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (word, meaning) in words(resolved).unwrap_or_default().into_iter().filter(|(_, meaning)| !meaning.is_empty()) {
        text.push_str(&format!(" `{word}`: {}", meaning));
    }
    text
}

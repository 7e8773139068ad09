//! The alert rules and the dashboard in `deploy/`: they load, and whatever they ask for exists.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::Matcher;
use promql_parser::parser::{self, Expr, VectorSelector};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Every metric with its labels, from the reference page. That the page names what the code serves is checked in `golden`.
fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let page = file("docs/reference/metrics.md");
    let named = page.lines().filter_map(|line| line.strip_prefix("| `onceward_")?.split_once('`').map(|(name, _)| name));
    let metrics: BTreeMap<String, BTreeSet<String>> = named
        .map(|name| {
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            let labels = labels.trim_end_matches('}').split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
            (format!("onceward_{name}"), labels.collect())
        })
        .collect();
    let served = onceward::Consumer::builder()
        .brokers("b:1")
        .group("g")
        .inbox("memory")
        .auto_offset_reset(onceward::AutoOffsetReset::Earliest)
        .build()
        .unwrap()
        .metrics()
        .prometheus();
    for line in served.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(metrics.contains_key(name), "{name} is served and not on the page");
    }
    assert!(metrics.len() > 30, "{metrics:?}");
    metrics
}

/// Labels that Prometheus itself puts on everything it scrapes.
const SCRAPED: [&str; 2] = ["job", "instance"];

fn each_selector<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a VectorSelector)) {
    match expr {
        Expr::VectorSelector(selector) => visit(selector),
        Expr::MatrixSelector(selector) => visit(&selector.vs),
        Expr::Aggregate(aggregate) => each_selector(&aggregate.expr, visit),
        Expr::Unary(unary) => each_selector(&unary.expr, visit),
        Expr::Binary(binary) => {
            each_selector(&binary.lhs, visit);
            each_selector(&binary.rhs, visit);
        }
        Expr::Paren(paren) => each_selector(&paren.expr, visit),
        Expr::Subquery(subquery) => each_selector(&subquery.expr, visit),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| each_selector(argument, visit)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// Whether an expression parses and asks for metrics and labels that exist.
fn check(text: &str, metrics: &BTreeMap<String, BTreeSet<String>>) -> Result<(), String> {
    let expr = parser::parse(text).map_err(|error| format!("{text}: {error}"))?;
    let mut wrong = None;
    let mut selectors = 0;
    each_selector(&expr, &mut |selector| {
        selectors += 1;
        let name = selector.name.clone().unwrap_or_default();
        let Some(labels) = metrics.get(&name) else {
            wrong = Some(format!("{text}: there is no metric {name:?}"));
            return;
        };
        for Matcher { name: label, .. } in &selector.matchers.matchers {
            if !labels.contains(label) && !SCRAPED.contains(&label.as_str()) {
                wrong = Some(format!("{text}: {name} has no label {label:?}"));
            }
        }
    });
    if selectors == 0 {
        return Err(format!("{text}: it asks for nothing"));
    }
    wrong.map_or(Ok(()), Err)
}

fn rules() -> Vec<Yaml> {
    let documents = YamlLoader::load_from_str(&file("deploy/prometheus/onceward.rules.yml")).unwrap();
    documents[0]["groups"].as_vec().unwrap().iter().flat_map(|group| group["rules"].as_vec().unwrap().clone()).collect()
}

#[test]
fn every_alert_rule_can_be_loaded_and_fires_on_what_exists() {
    let metrics = metrics();
    let rules = rules();
    let mut names = BTreeSet::new();
    for rule in &rules {
        let name = rule["alert"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} twice");
        let keys: BTreeSet<&str> = rule.as_hash().unwrap().keys().map(|key| key.as_str().unwrap()).collect();
        assert!(keys.is_subset(&["alert", "expr", "for", "labels", "annotations"].into()), "{name}: {keys:?}");
        check(rule["expr"].as_str().unwrap(), &metrics).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        let time = rule["for"].as_str().unwrap_or("0s");
        assert!(onceward::config::parse_duration(time).is_ok(), "{name}: {time}");
        for annotation in ["summary", "description"] {
            let text = rule["annotations"][annotation].as_str().unwrap();
            assert_eq!(text.matches("{{").count(), text.matches("}}").count(), "{name}: {text}");
            // A label that the expression aggregated away would be shown as nothing.
            for label in text.split("$labels.").skip(1).map(|rest| rest.split([' ', '}']).next().unwrap()) {
                let kept = rule["expr"].as_str().unwrap().split("by (").nth(1).unwrap().split(')').next().unwrap().to_owned();
                assert!(kept.split(", ").any(|one| one == label), "{name} shows {label}, which {kept} leaves out");
            }
        }
    }
    assert!(names.len() >= 12, "{names:?}");
}

#[test]
fn the_dashboard_loads_and_every_panel_asks_for_what_exists() {
    let metrics = metrics();
    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/onceward.json")).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let source = variables.iter().find(|variable| variable["type"] == "datasource").unwrap();
    assert_eq!((&source["name"], &source["query"]), (&"datasource".into(), &"prometheus".into()));
    assert!(
        variables
            .iter()
            .any(|variable| variable["name"] == "job" && variable["query"]["query"] == "label_values(onceward_partitions, job)")
    );
    let panels = dashboard["panels"].as_array().unwrap();
    let (mut ids, mut places, mut asked) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        let place = &panel["gridPos"];
        let (x, width) = (place["x"].as_u64().unwrap(), place["w"].as_u64().unwrap());
        assert!(x + width <= 24 && places.insert((place["y"].as_u64().unwrap(), x)), "{title}: on top of another, or beyond the edge");
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title} asks for nothing");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            // Grafana puts them in before Prometheus sees the expression.
            let expr = target["expr"].as_str().unwrap().replace("$__rate_interval", "5m").replace("$job", ".*");
            assert!(!expr.contains('$'), "{title}: {expr}");
            check(&expr, &metrics).unwrap_or_else(|why| panic!("{title}: {why}"));
            asked.insert(expr);
        }
    }
    assert!(asked.len() > 15, "{}", asked.len());
}

#[test]
fn the_check_finds_what_is_wrong() {
    let metrics = metrics();
    for (wrong, why) in [
        ("sum by (job) (onceward_partitons) > 0", "there is no metric \"onceward_partitons\""),
        ("rate(onceward_duplicates_total{topic=\"a\"}[5m])", "has no label \"topic\""),
        ("sum by (job (onceward_partitions)", "sum by (job"),
        ("1 + 1", "it asks for nothing"),
    ] {
        assert!(check(wrong, &metrics).unwrap_err().contains(why), "{wrong}");
    }
}

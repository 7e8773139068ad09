//! What needs no broker.

use crate::run::{golden, onceward};

#[test]
fn help_is_as_committed_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    let commands: [&[&str]; 28] = [
        &[],
        &["demo"],
        &["doctor"],
        &["topics"],
        &["topics", "plan"],
        &["topics", "apply"],
        &["dlt"],
        &["dlt", "list"],
        &["dlt", "show"],
        &["dlt", "export"],
        &["dlt", "replay"],
        &["dlt", "discard"],
        &["dlt", "stop"],
        &["dlt", "republish"],
        &["held"],
        &["inbox", "stats"],
        &["inbox", "forget"],
        &["inbox", "prune"],
        &["inbox", "backup"],
        &["inbox", "ddl"],
        &["schema"],
        &["schema", "check"],
        &["schema", "diff"],
        &["config"],
        &["config", "check"],
        &["config", "schema"],
        &["completions"],
        &["man"],
    ];
    for command in commands {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let answer = onceward(folder.path(), &arguments, &[]);
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
        assert!(!answer.stdout.contains('\u{1b}'), "colours on something that is no terminal");
        text.push_str(&format!("$ onceward {}\n{}\n", arguments.join(" "), answer.stdout));
    }
    golden("help.txt", &text);
}

#[test]
fn a_wrong_configuration_is_told_to_people_and_to_programs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("onceward.toml"),
        "broker = \"localhost:9092\"\ngroup = \"billing\"\nretention = 7\n[kafka]\n\"sasl.password\" = \"hunter2\"\n",
    )
    .unwrap();
    let environment = [("ONCEWARD_CONCURRENCY", "many")];
    let people = onceward(folder.path(), &["config", "check", "--inbox", "billing.db"], &environment);
    assert_eq!((people.code, people.stdout.as_str()), (2, ""));
    golden("config-check.txt", &people.stderr);

    let programs = onceward(folder.path(), &["--json", "config", "check", "--inbox", "billing.db"], &environment);
    assert_eq!(programs.code, 2);
    let document: serde_json::Value = serde_json::from_str(&programs.stdout).unwrap();
    assert_eq!(document["error"]["code"], "config");
    let paths: Vec<&str> =
        document["error"]["problems"].as_array().unwrap().iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["auto_offset_reset", "broker", "brokers", "concurrency", "inbox", "retention"]);
}

#[test]
fn flags_over_environment_over_file_and_secrets_stay_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let file = "brokers = \"file:1\"\ngroup = \"file\"\ninbox = \"memory\"\nauto_offset_reset = \"latest\"\nconcurrency = 7\n[kafka]\n\"sasl.password\" = \"hunter2\"\n";
    std::fs::write(folder.path().join("mine.toml"), file).unwrap();
    let environment = [("ONCEWARD_GROUP", "env"), ("ONCEWARD_BROKERS", "env:1"), ("ONCEWARD_CONFIG", "mine.toml")];
    let answer = onceward(folder.path(), &["config", "check", "--print", "--brokers", "flag:1"], &environment);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    golden("config-print.toml", &answer.stdout);
    assert!(!answer.stdout.contains("hunter2"));

    let json = onceward(folder.path(), &["config", "check", "--json", "--brokers", "flag:1"], &environment);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&document["ok"], &document["settings"]["brokers"], &document["settings"]["concurrency"]),
        (&true.into(), &"flag:1".into(), &7.into())
    );
}

#[test]
fn exit_codes_tell_no_from_nonsense_from_not_knowing() {
    let folder = tempfile::tempdir().unwrap();
    let minimal = "group = \"billing\"\nbrokers = \"127.0.0.1:1\"\nauto_offset_reset = \"latest\"\ninbox = \"sqlite:missing.db\"\n";
    std::fs::write(folder.path().join("onceward.toml"), minimal).unwrap();
    for (arguments, code, hint) in [
        (&["nonsense"][..], 2, "unrecognized subcommand"),
        (&["inbox", "stats", "--inbox", "memory"][..], 2, "lives in the consumer's process"),
        (&["inbox", "stats"][..], 1, "missing.db does not exist"),
        (&["topics", "plan"][..], 2, "no source topic is named"),
        (&["topics", "plan", "--topic", "orders", "--timeout", "1"][..], 3, "Check that `brokers` is right"),
        (&["dlt", "list", "--timeout", "1"][..], 3, "did not answer: "),
        (&["config", "check", "--config", "absent.toml"][..], 2, "absent.toml: can't be read"),
    ] {
        let answer = onceward(folder.path(), arguments, &[]);
        assert_eq!(answer.code, code, "{arguments:?}: {}", answer.stderr);
        assert!(answer.stderr.contains(hint) && answer.stdout.is_empty(), "{arguments:?}: {}{}", answer.stdout, answer.stderr);
    }
    let doctor = onceward(folder.path(), &["doctor", "--timeout", "1", "--json"], &[]);
    let document: serde_json::Value = serde_json::from_str(&doctor.stdout).unwrap();
    assert_eq!((doctor.code, &document["ok"]), (3, &false.into()));
    let findings = document["findings"].as_array().unwrap();
    let checks: Vec<&str> = findings.iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    assert_eq!(checks[checks.len() - 6..], ["disk", "inbox", "address", "brokers", "memory", "files"], "{document:#}");
    let of = |check: &str| findings.iter().find(|finding| finding["check"] == check).unwrap();
    assert!(of("address")["cure"].as_str().unwrap().contains("is a broker running there"));
    assert!(of("brokers")["cure"].as_str().unwrap().contains("advertised.listeners"));
}

#[test]
fn completions_come_for_every_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let answer = onceward(folder.path(), &["completions", shell], &[]);
        assert!(answer.code == 0 && answer.stdout.contains("onceward") && answer.stdout.contains("dlt"), "{shell}");
    }
}

#[test]
fn an_inbox_is_looked_at_without_being_changed() {
    use onceward::inbox::{Inbox as _, SqliteInbox, SqliteSettings};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("billing.db");
    let mut inbox = SqliteInbox::open(SqliteSettings::new(&file, "billing"), std::sync::Arc::new(|_| {})).unwrap();
    inbox.close(std::time::Duration::from_secs(10)).unwrap();
    let before = std::fs::read(&file).unwrap();
    let answer = onceward(folder.path(), &["inbox", "stats", "--inbox", "sqlite:billing.db"], &[]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(answer.stdout.contains("billing.db (version 2") && answer.stdout.contains("marks      0 in 0 segments"), "{}", answer.stdout);
    let json = onceward(folder.path(), &["inbox", "stats", "--json", "--inbox", "sqlite:billing.db"], &[]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&document["version"], &document["marks"]), (&2.into(), &0.into()));
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn manual_pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let one = onceward(folder.path(), &["man", "inbox", "forget"], &[]);
    assert_eq!((one.code, one.stderr.as_str()), (0, ""));
    assert!(
        one.stdout.starts_with(".ie")
            && one.stdout.contains(".TH ONCEWARD-INBOX-FORGET 1")
            && one.stdout.contains(".SH EXAMPLES\n.nf\n  onceward inbox forget"),
        "{}",
        one.stdout
    );
    let all = onceward(folder.path(), &["man", "--to", ".", "--json"], &[]);
    let document: serde_json::Value = serde_json::from_str(&all.stdout).unwrap();
    let pages: Vec<&str> = document["pages"].as_array().unwrap().iter().map(|page| page.as_str().unwrap()).collect();
    assert!(pages.len() > 20 && pages.contains(&"onceward.1") && pages.contains(&"onceward-dlt-show.1"), "{pages:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("onceward-inbox-forget.1")).unwrap(), one.stdout);
    let wrong = onceward(folder.path(), &["man", "inbox", "nonsense"], &[]);
    assert!(wrong.code == 2 && wrong.stderr.contains("it has: stats, forget"), "{}", wrong.stderr);
    let nowhere = onceward(folder.path(), &["man", "--to", "absent"], &[]);
    assert!(nowhere.code == 2 && nowhere.stderr.contains("name a folder that exists"), "{}", nowhere.stderr);
}

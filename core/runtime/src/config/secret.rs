//! Secrets: which properties must never be shown, and references that keep them out of the configuration.
//!
//! A value may refer to `${env:NAME}` or `${file:PATH}`. References stay as they are written through loading, validation, printing and
//! debugging; only when a client is made are they replaced, so nothing that could be shown ever holds what they stand for.

use std::io::Read as _;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "********";

/// Parts of a property's name that mark its value as a secret. Too wide is harmless, too narrow is not.
const PARTS: [&str; 7] = ["password", "secret", "passphrase", "private", "key.pem", "sasl.oauthbearer.config", "jaas"];

/// Tokens and keys are small; anything larger is the wrong file.
const LARGEST: u64 = 256 << 10;

/// Whether the value of this librdkafka property is a secret.
#[must_use]
pub fn is_secret(property: &str) -> bool {
    let property = property.to_ascii_lowercase();
    PARTS.iter().any(|part| property.contains(part))
}

/// A property's value as it may be shown. A reference says where a secret is and not what it is.
pub(super) fn shown<'a>(property: &str, value: &'a str) -> &'a str {
    if is_secret(property) && !is_reference(value) { MASK } else { value }
}

/// A URL as it may be shown: receivers of webhooks often put a secret into its path.
pub(super) fn shown_url(url: &str) -> String {
    if is_reference(url) {
        return url.to_owned();
    }
    let begin = url.find("://").map_or(0, |at| at + 3);
    let host = url[begin..].find(['/', '?', '#']).map_or(url.len(), |at| begin + at);
    let name = url[begin..host].rsplit('@').next().unwrap_or_default();
    if host == url.len() { url.to_owned() } else { format!("{}{name}/{MASK}", &url[..begin]) }
}

pub(super) fn is_reference(value: &str) -> bool {
    matches!(parts(value).as_deref(), Ok([Part::Env(_) | Part::File(_)]))
}

/// A piece of a value.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Env(&'a str),
    File(&'a str),
}

/// Cuts a value at its references. `${` followed by anything else is text, since passwords hold what they like.
fn parts(value: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let (mut text, mut at) = (0, 0);
    while let Some(found) = value[at..].find("${") {
        let begin = at + found;
        let rest = &value[begin + 2..];
        let Some((file, rest)) =
            rest.strip_prefix("env:").map(|rest| (false, rest)).or_else(|| rest.strip_prefix("file:").map(|rest| (true, rest)))
        else {
            at = begin + 2;
            continue;
        };
        let kind = if file { "file:PATH" } else { "env:NAME" };
        let Some(length) = rest.find('}') else { return Err(format!("has a reference without an end; write ${{{kind}}}")) };
        let name = &rest[..length];
        if name.trim().is_empty() {
            return Err(format!("has a reference to nothing; write ${{{kind}}}"));
        }
        if begin > text {
            parts.push(Part::Text(&value[text..begin]));
        }
        parts.push(if file { Part::File(name) } else { Part::Env(name) });
        at = value.len() - rest.len() + length + 1;
        text = at;
    }
    if text < value.len() {
        parts.push(Part::Text(&value[text..]));
    }
    Ok(parts)
}

/// Whether references are written as they should be; nothing is read.
pub(super) fn check(value: &str) -> Result<(), String> {
    parts(value).map(drop)
}

/// The value with its references replaced. Errors name the place and never what is there.
pub(crate) fn resolve(value: &str) -> Result<String, String> {
    let mut resolved = String::with_capacity(value.len());
    for part in parts(value)? {
        match part {
            Part::Text(text) => resolved.push_str(text),
            Part::Env(name) => resolved.push_str(&from_env(name)?),
            Part::File(path) => resolved.push_str(&from_file(path)?),
        }
    }
    Ok(resolved)
}

fn from_env(name: &str) -> Result<String, String> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Err(format!("refers to the environment variable {name}, which is empty")),
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => Err(format!("refers to the environment variable {name}, which is not set; set it")),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("refers to the environment variable {name}, which is not UTF-8")),
    }
}

/// Editors and `echo` end a file with a line break, which is no part of a password.
fn from_file(path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("refers to the file {path}, which can't be read: {error}"))?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("refers to the file {path}, which has more than {} KiB; is it the right one?", LARGEST >> 10));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("refers to the file {path}, which is not UTF-8"))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() { Err(format!("refers to the file {path}, which is empty")) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn references_are_found_between_text_and_other_dollars_are_text() {
        assert_eq!(parts("plain $5 ${x} $").unwrap(), [Part::Text("plain $5 ${x} $")]);
        assert_eq!(parts("${env:A}").unwrap(), [Part::Env("A")]);
        assert_eq!(parts("a${${file:/b c}d").unwrap(), [Part::Text("a${"), Part::File("/b c"), Part::Text("d")]);
        assert_eq!(parts("").unwrap(), []);
        assert!(parts("ä${env:A").unwrap_err().contains("without an end"));
        assert!(parts("${file: }").unwrap_err().contains("${file:PATH}"));
    }

    #[test]
    fn what_is_shown_is_a_mask_unless_it_is_a_reference_alone() {
        assert_eq!(shown("sasl.password", "hunter2"), MASK);
        assert_eq!(shown("sasl.password", "${env:A}"), "${env:A}");
        assert_eq!(shown("sasl.password", "half${env:A}"), MASK);
        assert_eq!(shown("sasl.username", "alice"), "alice");
    }

    #[test]
    fn files_lose_one_line_break_and_errors_name_the_place_only() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            format!("${{file:{}}}", path.display())
        };
        assert_eq!(resolve(&write("a", b"hunter2\r\n")).unwrap(), "hunter2");
        assert_eq!(resolve(&write("b", b"two\nlines\n\n")).unwrap(), "two\nlines\n");
        for (name, bytes, why) in [("c", &b"\n"[..], "is empty"), ("d", &[0xff, 0xfe], "is not UTF-8"), ("e", &[b'x'; 300 << 10], "KiB")] {
            let error = resolve(&write(name, bytes)).unwrap_err();
            assert!(error.contains(why) && !error.contains("xx"), "{error}");
        }
        assert!(resolve("${env:ONCEWARD_TEST_NOT_SET}").unwrap_err().contains("ONCEWARD_TEST_NOT_SET, which is not set"));
        assert!(resolve("${file:/nowhere/at/all}").unwrap_err().contains("/nowhere/at/all, which can't be read"));
    }
}

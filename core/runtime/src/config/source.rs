//! The little languages inside of text fields: `header:NAME`, `json:/pointer`, `sqlite:PATH`, `postgres://…`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::InboxPlace;
use super::nearest;
use crate::inbox::Address;
use crate::kafka::{IdentitySource, KeySource, TypeSource};

/// A place in a record that both identities and order keys may come from.
enum Place {
    Header(String),
    Json(String),
}

pub(super) fn identity(text: &str) -> Result<IdentitySource, String> {
    match text {
        "auto" => Ok(IdentitySource::Automatic),
        "coordinates" => Ok(IdentitySource::Coordinates),
        _ => place(text, &["auto", "coordinates"]).map(|place| match place {
            Place::Header(name) => IdentitySource::Header(name),
            Place::Json(pointer) => IdentitySource::Json(pointer),
        }),
    }
}

pub(super) fn order_key(text: &str) -> Result<KeySource, String> {
    match text {
        "key" => Ok(KeySource::Key),
        _ => place(text, &["key"]).map(|place| match place {
            Place::Header(name) => KeySource::Header(name),
            Place::Json(pointer) => KeySource::Json(pointer),
        }),
    }
}

pub(super) fn event_type(text: &str) -> Result<TypeSource, String> {
    match text {
        "auto" => Ok(TypeSource::Automatic),
        _ => place(text, &["auto"]).map(|place| match place {
            Place::Header(name) => TypeSource::Header(name),
            Place::Json(pointer) => TypeSource::Json(pointer),
        }),
    }
}

pub(super) fn write_event_type(source: &TypeSource) -> String {
    match source {
        TypeSource::Automatic => "auto".to_owned(),
        TypeSource::Header(name) => format!("header:{name}"),
        TypeSource::Json(pointer) => format!("json:{pointer}"),
    }
}

/// Names are not looked up: the answer may differ from day to day, and a port that is open to more than was meant is no small thing.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| format!("{text:?} is not IP:PORT, as \"127.0.0.1:9464\""))
}

/// The base URL of a collector.
pub(super) fn collector(text: &str) -> Result<String, String> {
    let url = text.trim().trim_end_matches('/');
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(host) = rest.map(|rest| rest.split('/').next().unwrap_or_default()).filter(|host| !host.is_empty()) else {
        return Err(format!("{text:?} is no URL of a collector, as \"http://localhost:4318\""));
    };
    if host.contains('@') {
        // Not repeated: it holds a password.
        return Err("holds credentials, and would be logged; put them into OTEL_EXPORTER_OTLP_HEADERS".to_owned());
    }
    if url.ends_with("/v1/traces") || url.ends_with("/v1/metrics") {
        return Err(format!("{text:?} is the address of one signal; write the base, without /v1/…"));
    }
    Ok(url.to_owned())
}

fn place(text: &str, words: &[&str]) -> Result<Place, String> {
    if let Some(name) = text.strip_prefix("header:") {
        return if name.is_empty() {
            Err("names no header; write header:NAME, as header:event-id".to_owned())
        } else {
            Ok(Place::Header(name.to_owned()))
        };
    }
    if let Some(pointer) = text.strip_prefix("json:") {
        return pointer_problem(pointer).map_or_else(|| Ok(Place::Json(pointer.to_owned())), Err);
    }
    let hint = nearest(text, words.iter().copied()).map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"));
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    Err(format!("{text:?} is none of {}, \"header:NAME\" and \"json:/pointer\"{hint}", words.join(", ")))
}

/// RFC 6901: empty, or segments that each begin with a slash, in which `~` is followed by 0 or 1.
fn pointer_problem(pointer: &str) -> Option<String> {
    if pointer.is_empty() {
        return Some("names no field; write a JSON pointer, as json:/order/id".to_owned());
    }
    if !pointer.starts_with('/') {
        return Some(format!("{pointer:?} is not a JSON pointer, which begins with a slash; write json:/{}", pointer.replace('.', "/")));
    }
    let tilde = pointer.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    tilde.then(|| format!("{pointer:?} has a lone ~; in a JSON pointer ~0 stands for ~ and ~1 for /"))
}

pub(super) fn inbox(text: &str) -> Result<InboxPlace, String> {
    if text == "memory" {
        return Ok(InboxPlace::Memory);
    }
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        return Address::parse(text).map(|address| InboxPlace::Postgres(Box::new(address)));
    }
    let Some(path) = text.strip_prefix("sqlite:") else {
        let hint = if text.contains(':') { String::new() } else { format!("; for a file of that name write \"sqlite:{text}\"") };
        return Err(format!("must be \"sqlite:PATH\", \"postgres://…\" or \"memory\"{hint}"));
    };
    match path {
        "" => Err("names no file; write sqlite:PATH, as sqlite:billing.db".to_owned()),
        ":memory:" => Err("an SQLite database in memory forgets everything at exit; for tests write \"memory\"".to_owned()),
        _ if path.starts_with("file:") || path.starts_with("//") => {
            Err("is a URI; write the plain path of the file, as sqlite:/var/lib/billing.db".to_owned())
        }
        _ if path.contains('\0') => Err("has a NUL character in the path".to_owned()),
        _ => Ok(InboxPlace::Sqlite(PathBuf::from(path))),
    }
}

/// The texts that mean these sources.
pub(super) fn write_identity(source: &IdentitySource) -> String {
    match source {
        IdentitySource::Automatic => "auto".to_owned(),
        IdentitySource::Header(name) => format!("header:{name}"),
        IdentitySource::Json(pointer) => format!("json:{pointer}"),
        IdentitySource::Coordinates => "coordinates".to_owned(),
    }
}

pub(super) fn write_order_key(source: &KeySource) -> String {
    match source {
        KeySource::Key => "key".to_owned(),
        KeySource::Header(name) => format!("header:{name}"),
        KeySource::Json(pointer) => format!("json:{pointer}"),
    }
}

pub(super) fn write_inbox(place: &InboxPlace) -> String {
    match place {
        InboxPlace::Sqlite(path) => format!("sqlite:{}", path.display()),
        InboxPlace::Postgres(address) => address.secret_url().to_owned(),
        InboxPlace::Memory => "memory".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn an_inbox_that_is_only_nearly_right_is_told_what_to_write() {
        for (text, hint) in [
            ("billing.db", "write \"sqlite:billing.db\""),
            ("sqlite:", "names no file"),
            ("sqlite::memory:", "write \"memory\""),
            ("sqlite:///tmp/x.db", "plain path"),
            ("redis://localhost", "\"postgres://…\" or \"memory\""),
        ] {
            let message = inbox(text).unwrap_err();
            assert!(message.contains(hint), "{text}: {message}");
        }
        let message = inbox("postgres://user:hunter2@db:x/billing").unwrap_err();
        assert!(message.contains("postgres://USER") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn a_collector_is_a_base_url_without_credentials() {
        assert_eq!(collector("https://otel.example:4318/base/").unwrap(), "https://otel.example:4318/base");
        assert!(collector("localhost:4317").unwrap_err().contains("http://localhost:4318"));
        assert!(collector("http://").is_err());
        assert!(collector("http://c:4318/v1/traces").unwrap_err().contains("base"));
        let message = collector("http://me:hunter2@c:4318").unwrap_err();
        assert!(message.contains("OTEL_EXPORTER_OTLP_HEADERS") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn sources_are_read_and_written_back() {
        for text in ["auto", "coordinates", "header:event-id", "json:/order/id", "json:/a~1b/~0"] {
            assert_eq!(write_identity(&identity(text).unwrap()), text);
        }
        for text in ["key", "header:customer", "json:/customer"] {
            assert_eq!(write_order_key(&order_key(text).unwrap()), text);
        }
        for (text, hint) in
            [("json:order.id", "json:/order/id"), ("json:/a~b", "lone ~"), ("header:", "names no header"), ("Key", "did you mean \"key\"?")]
        {
            let message = order_key(text).unwrap_err();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }
}

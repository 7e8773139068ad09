//! Names and values of a schema inside sentences: short, on one line, and nothing that a terminal could take for a command.

use serde_json::Value;

/// Longer texts are cut: a hostile schema must not make a report of megabytes.
const LONGEST: usize = 80;

/// A piece of a schema as it may stand in a sentence.
pub(crate) fn shown(text: &str) -> String {
    let mut short = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            short.push('…');
            break;
        }
        if character.is_control() || is_direction_mark(character) {
            short.extend(character.escape_default());
        } else {
            short.push(character);
        }
    }
    short
}

/// A value as JSON, shown.
pub(crate) fn value(value: &Value) -> String {
    match value {
        // Not rendered at all: the text would be built before it could be cut.
        Value::Array(items) if items.len() > 8 => format!("[… {} items]", items.len()),
        Value::Object(members) if members.len() > 8 => format!("{{… {} members}}", members.len()),
        other => shown(&other.to_string()),
    }
}

/// `` `a`, `b` and 3 more``: a few of many.
pub(crate) fn few<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const FEW: usize = 5;
    let mut names = names.into_iter();
    let some: Vec<String> = names.by_ref().take(FEW).map(|name| format!("`{}`", shown(name))).collect();
    let more = names.count();
    match (some.split_last(), more) {
        (None, _) => "nothing".to_owned(),
        (Some((only, [])), 0) => only.clone(),
        (Some((last, rest)), 0) => format!("{} and {last}", rest.join(", ")),
        _ => format!("{} and {more} more", some.join(", ")),
    }
}

fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{few, shown};

    #[test]
    fn nothing_escapes_into_a_terminal() {
        assert_eq!(shown("a\u{1b}[31m\n\u{202e}"), "a\\u{1b}[31m\\n\\u{202e}");
        assert_eq!(shown(&"x".repeat(1_000)).chars().count(), 81);
    }

    #[test]
    fn a_few_of_many() {
        assert_eq!(few(["a"]), "`a`");
        assert_eq!(few(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(few(["a", "b", "c", "d", "e", "f", "g"]), "`a`, `b`, `c`, `d`, `e` and 2 more");
    }
}

//! Indents JSON without reading it as values: numbers, escapes, repeated names and their order stay as they were written, since a dead
//! letter is looked at to find out what exactly was in it.

/// The text, indented; `None` when it is not JSON.
pub(crate) fn indented(text: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    let mut depth = 0_usize;
    let mut inside_string = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = c.len_utf8();
        if inside_string {
            let escaped = if c == '\\' { rest[length..].chars().next().map_or(0, char::len_utf8) } else { 0 };
            out.push_str(&rest[..length + escaped]);
            rest = &rest[length + escaped..];
            inside_string = c != '"';
            continue;
        }
        rest = &rest[length..];
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes_next = rest.trim_start().starts_with([']', '}']);
        match c {
            '{' | '[' => {
                depth += 1;
                out.push(c);
                if !closes_next {
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !out.ends_with(['{', '[']) {
                    line(&mut out, depth);
                }
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                inside_string = c == '"';
                out.push(c);
            }
        }
    }
    Some(out)
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn tokens_stay_as_they_were_written() {
        let text = r#" {"b":1.0e5 ,"a": [ ],"a":{}, "q":"x\"} y\\","n":[12345678901234567890123,null]} "#;
        let expected = "{\n  \"b\": 1.0e5,\n  \"a\": [],\n  \"a\": {},\n  \"q\": \"x\\\"} y\\\\\",\n  \"n\": [\n    12345678901234567890123,\n    null\n  ]\n}";
        assert_eq!(indented(text).unwrap(), expected);
        assert_eq!(indented("{\"a\":"), None);
        // Deeper than the parser goes: shown as it is instead of exhausting the stack.
        assert_eq!(indented(&"[".repeat(100_000)), None);
    }
}

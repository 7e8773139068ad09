//! Makes what others wrote safe to show.
//!
//! Keys, headers, error texts and topic names come from producers that we have no reason to trust. An escape sequence in them could
//! rewrite what the terminal shows, and direction marks could show it in another order than it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// One line of text, with everything that acts on the terminal shown as an escape.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// The same for a text of several lines: line ends and tabs stay.
pub(crate) fn visible_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| acts(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().saturating_add(16));
    for c in text.chars() {
        match c {
            _ if !acts(c) || keep(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            // Writing to a String can't fail.
            _ if u32::from(c) < 0x100 => write!(shown, "\\x{:02x}", u32::from(c)).unwrap_or_default(),
            _ => write!(shown, "\\u{{{:x}}}", u32::from(c)).unwrap_or_default(),
        }
    }
    Cow::Owned(shown)
}

/// Controls (C0, DEL, C1), line and paragraph separators, direction and other invisible marks.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        assert_eq!(visible("a\u{1b}[2Jb\u{9b}31m\r\n\u{7}"), "a\\x1b[2Jb\\x9b31m\\r\\n\\x07");
        assert_eq!(visible("user\u{202e}txt.exe\u{200b}"), "user\\u{202e}txt.exe\\u{200b}");
        assert_eq!(visible_lines("at a\n\tat b\u{1b}]0;x"), "at a\n\tat b\\x1b]0;x");
        assert!(matches!(visible("Größe 漢字 😀"), Cow::Borrowed(_)));
    }
}

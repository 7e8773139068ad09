//! Statements of users: `?` becomes `$1`, and what would reach out of its event is refused. Read by a lexer, so that strings, quoted
//! names, comments and dollar quotes stay what they are.

/// Our tables begin with this, in any case.
const OURS: &str = "onceward_";

/// First words of statements that end a transaction, change the session or leave the protocol.
const FORBIDDEN: [&str; 20] = [
    "abort",
    "begin",
    "checkpoint",
    "close",
    "commit",
    "copy",
    "deallocate",
    "declare",
    "discard",
    "end",
    "execute",
    "listen",
    "lock",
    "prepare",
    "release",
    "reset",
    "rollback",
    "savepoint",
    "set",
    "start",
];

/// A statement as the server takes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) sql: String,
    pub(super) placeholders: usize,
}

/// Why a statement is not sent.
pub(super) const REACHES_OUT: &str = "may not begin or end transactions, change settings of the session, copy, or touch `onceward_` tables";

/// Rewrites one statement, or a script of several.
///
/// # Errors
/// What it may not do.
pub(super) fn read(sql: &str) -> Result<Read, String> {
    let mut lexer = Lexer { rest: sql, out: String::with_capacity(sql.len() + 8), asked: 0, numbered: 0, first: true, words: 0 };
    lexer.run()?;
    let Lexer { out, asked, numbered, words, .. } = lexer;
    if words == 0 {
        return Err("is empty".to_owned());
    }
    if asked > 0 && numbered > 0 {
        return Err("has placeholders of both kinds, ? and $1; write one kind (and ?? for the operator ?)".to_owned());
    }
    Ok(Read { sql: out, placeholders: asked.max(numbered) })
}

struct Lexer<'a> {
    rest: &'a str,
    out: String,
    /// `?` so far, and the highest `$n`.
    asked: usize,
    numbered: usize,
    /// The next word is the first of a statement.
    first: bool,
    words: usize,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(next) = self.rest.chars().next() {
            match next {
                '\0' => return Err("holds a NUL character".to_owned()),
                '\'' => self.copy(quoted(self.rest, '\'', false)),
                '"' => {
                    let length = quoted(self.rest, '"', false);
                    self.name(&self.rest[..length].replace('"', "").to_lowercase())?;
                    self.copy(length);
                }
                '-' if self.rest.starts_with("--") => self.copy(self.rest.find('\n').unwrap_or(self.rest.len())),
                '/' if self.rest.starts_with("/*") => self.copy(comment(self.rest)),
                '$' => self.dollar(),
                '?' if self.rest.starts_with("??") => {
                    self.out.push('?');
                    self.rest = &self.rest[2..];
                }
                '?' if self.rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                    // `?1` is how SQLite numbers them.
                    let digits = self.rest[1..].bytes().take_while(u8::is_ascii_digit).count();
                    self.out.push('$');
                    self.rest = &self.rest[1..];
                    self.numbered = self.numbered.max(self.rest[..digits].parse().unwrap_or(usize::MAX));
                    self.copy(digits);
                }
                '?' => {
                    self.asked += 1;
                    self.out.push_str(&format!("${}", self.asked));
                    self.rest = &self.rest[1..];
                }
                ';' => {
                    self.first = true;
                    self.copy(1);
                }
                _ if is_word(next) => self.word()?,
                _ => self.copy(next.len_utf8()),
            }
        }
        Ok(())
    }

    fn copy(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.out.push_str(taken);
        self.rest = rest;
    }

    fn word(&mut self) -> Result<(), String> {
        let length = self.rest.find(|next: char| !is_word(next) && next != '$').unwrap_or(self.rest.len());
        let word = self.rest[..length].to_lowercase();
        if self.rest[length..].starts_with('\'') {
            // E'…' knows backslashes; B'…', X'…' and N'…' need none of it.
            self.copy(length);
            self.copy(quoted(self.rest, '\'', word == "e"));
            return Ok(());
        }
        if std::mem::take(&mut self.first) && FORBIDDEN.contains(&word.as_str()) {
            return Err(REACHES_OUT.to_owned());
        }
        self.name(&word)?;
        self.words += 1;
        self.copy(length);
        Ok(())
    }

    fn name(&self, name: &str) -> Result<(), String> {
        if name.starts_with(OURS) { Err(REACHES_OUT.to_owned()) } else { Ok(()) }
    }

    /// `$1`, or `$tag$ … $tag$`.
    fn dollar(&mut self) {
        let digits = self.rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            self.numbered = self.numbered.max(self.rest[1..=digits].parse().unwrap_or(usize::MAX));
            return self.copy(digits + 1);
        }
        let tag = self.rest[1..].find(|next: char| !is_word(next)).filter(|&end| self.rest[1 + end..].starts_with('$'));
        let Some(tag) = tag.map(|end| &self.rest[..end + 2]) else { return self.copy(1) };
        let body = &self.rest[tag.len()..];
        self.copy(body.find(tag).map_or(self.rest.len(), |end| 2 * tag.len() + end));
    }
}

fn is_word(next: char) -> bool {
    next.is_alphanumeric() || next == '_'
}

/// The length of what begins with a quote: to the quote that ends it, doubled ones belonging to it, or to the end.
fn quoted(text: &str, quote: char, backslashes: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, next)) = characters.next() {
        if next == '\\' && backslashes {
            characters.next();
        } else if next == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// The length of a comment; comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::read;

    #[test]
    fn only_a_question_mark_that_is_a_placeholder_is_rewritten() {
        for (written, sent, count) in [
            ("INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES ($1, $2)", 2),
            ("SELECT '?', \"a?b\", ?", "SELECT '?', \"a?b\", $1", 1),
            ("SELECT 'it''s ?' -- what?\n, ?", "SELECT 'it''s ?' -- what?\n, $1", 1),
            ("SELECT /* ? /* ? */ ? */ ?", "SELECT /* ? /* ? */ ? */ $1", 1),
            ("SELECT E'\\'?' || ?", "SELECT E'\\'?' || $1", 1),
            ("SELECT '\\' || ? || '?'", "SELECT '\\' || $1 || '?'", 1),
            ("SELECT $$?$$, $body$ ? $$ ? $body$, ?", "SELECT $$?$$, $body$ ? $$ ? $body$, $1", 1),
            ("SELECT a ?? 'k' AND b = ?", "SELECT a ? 'k' AND b = $1", 1),
            ("SELECT $2, $1", "SELECT $2, $1", 2),
            ("SELECT ?2, ?1, ?2", "SELECT $2, $1, $2", 2),
            ("UPDATE t SET v = ?::jsonb WHERE é = ?", "UPDATE t SET v = $1::jsonb WHERE é = $2", 2),
            ("SELECT 'never ends ?", "SELECT 'never ends ?", 0),
        ] {
            let read = read(written).unwrap();
            assert_eq!((read.sql.as_str(), read.placeholders), (sent, count), "{written}");
        }
        assert!(read("SELECT ?, $1").unwrap_err().contains("both kinds"));
    }

    #[test]
    fn what_reaches_out_of_its_event_is_refused_wherever_it_stands() {
        for outside in [
            "COMMIT",
            " /* so */ rollback",
            "START TRANSACTION",
            "SELECT 1; COMMIT",
            "SET search_path = x",
            "DELETE FROM onceward_mark",
            "delete from public.Onceward_Meta",
            "SELECT * FROM \"onceward_position\"",
            "",
            "-- nothing",
            "SELECT '\0",
        ] {
            if !outside.contains('\0') {
                assert!(read(outside).is_err(), "{outside}");
            }
        }
        for inside in ["SELECT 'onceward_mark'", "INSERT INTO t(begin_at) VALUES (?)", "UPDATE commits SET n = 1 -- COMMIT", "TABLE begins"]
        {
            assert!(read(inside).is_ok(), "{inside}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[?$'\"a-z/*\\- é\n;\\\\0-9]{0,60}") {
            drop(read(&text));
        }
    }
}

//! Names of Avro types.

/// A full name, with its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(String);

impl Name {
    /// A name as written; one without a dot belongs to the namespace given with it, or else to the one it stands in.
    pub(super) fn new(written: &str, own: Option<&str>, around: &str) -> Option<Self> {
        if written.contains('.') {
            // An Avro 1.12 way to write the empty namespace.
            let written = written.strip_prefix('.').unwrap_or(written);
            return written.split('.').all(is_name).then(|| Self(written.to_owned()));
        }
        let space = own.unwrap_or(around);
        let fine = is_name(written) && (space.is_empty() || space.split('.').all(is_name));
        let full = if space.is_empty() { written.to_owned() } else { format!("{space}.{written}") };
        fine.then_some(Self(full))
    }

    pub(super) fn full(&self) -> &str {
        &self.0
    }

    /// Without the namespace: what a reader compares.
    pub(super) fn short(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(_, short)| short)
    }

    pub(super) fn space(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(space, _)| space)
    }
}

/// A letter or an underscore, then those and digits. Names of other alphabets are taken, as most libraries do.
pub(super) fn is_name(text: &str) -> bool {
    const LONGEST: usize = 1_024;
    let mut characters = text.chars();
    let first = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    first && text.len() <= LONGEST && characters.all(|character| character.is_alphanumeric() || character == '_')
}

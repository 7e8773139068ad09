//! The text of a schema, and of all that it refers to.

use crate::error::SchemaError;
use crate::limits::Limits;

/// A schema as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// What errors call it: a file, a subject and version.
    pub name: String,
    /// The schema.
    pub text: String,
    /// Everything that it refers to, directly or not. Nothing else is ever looked for.
    pub references: Vec<Reference>,
}

/// A document that others refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// As it is referred to: the full name of an Avro type, the URI of a JSON Schema, the path in a Protobuf `import`.
    pub name: String,
    /// The schema.
    pub text: String,
}

impl Source {
    /// A schema that stands alone.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), references: Vec::new() }
    }

    /// With a document that it refers to.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.references.push(Reference { name: name.into(), text: text.into() });
        self
    }

    pub(crate) fn within(&self, limits: &Limits) -> Result<(), SchemaError> {
        if self.references.len() > limits.references {
            let problem = format!("it refers to {} documents, and {} are allowed", self.references.len(), limits.references);
            return Err(SchemaError::limit(&self.name, problem));
        }
        let bytes = self.references.iter().map(|reference| reference.text.len()).fold(self.text.len(), usize::saturating_add);
        if bytes > limits.bytes {
            let problem = format!("it has {bytes} bytes with its references, and {} are allowed", limits.bytes);
            return Err(SchemaError::limit(&self.name, problem));
        }
        // A parsed text is many times larger than its bytes: what separates its parts tells how many there will be.
        let texts = self.references.iter().map(|reference| &reference.text).chain([&self.text]);
        let (mut blocks, mut parts) = (0_usize, 0_usize);
        for byte in texts.flat_map(|text| text.bytes()) {
            blocks += usize::from(byte == b'{');
            parts += usize::from(matches!(byte, b',' | b';' | b'['));
        }
        if blocks > limits.nodes || parts > limits.nodes.saturating_mul(2) {
            let problem = format!("it has {} parts, and {} are allowed", blocks.saturating_add(parts), limits.nodes);
            return Err(SchemaError::limit(&self.name, problem));
        }
        Ok(())
    }
}

//! JSON Schema, draft 4 to 2020-12: `uri` and `documents` find what is referred to, `parse` makes the `model`, `compare` walks two of them;
//! `types`, `bounds`, `objects`, `arrays`, `combinations` and `conditions` each know their keywords.

mod arrays;
mod bounds;
mod combinations;
mod compare;
mod conditions;
mod cover;
mod documents;
mod model;
mod objects;
mod parse;
mod properties;
mod types;
mod uri;
mod weight;

pub(crate) use compare::compare;
pub(crate) use model::JsonSchema;
pub(crate) use parse::parse;

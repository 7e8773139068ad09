//! A schema registry: whoever speaks Confluent's REST dialect, as Apicurio (`/apis/ccompat/v7`), Karapace and Redpanda do.
//!
//! `access` is where and who we are, `client` asks, `answer` is what is said over the wire, `references` brings what a schema refers to.
//! Requests block; whoever asks has a thread for it. What an id stands for never changes, so it is asked for once.

mod access;
mod answer;
mod client;
mod error;
mod references;

pub use access::Access;
pub use client::{Registered, Registry, Version};
pub use error::{RegistryError, RegistryErrorKind};

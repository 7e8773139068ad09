//! Which librdkafka properties must never be shown.

/// What stands in the place of a secret.
pub(super) const MASK: &str = "********";

/// Parts of a property's name that mark its value as a secret. Too wide is harmless, too narrow is not.
const PARTS: [&str; 7] = ["password", "secret", "passphrase", "private", "key.pem", "sasl.oauthbearer.config", "jaas"];

/// Whether the value of this librdkafka property is a secret.
#[must_use]
pub fn is_secret(property: &str) -> bool {
    let property = property.to_ascii_lowercase();
    PARTS.iter().any(|part| property.contains(part))
}

//! The configuration from outside: what people write, what they are told, what the committed reference says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "config/layers.rs"]
mod layers;
#[path = "config/meaning.rs"]
mod meaning;
#[path = "config/messages.rs"]
mod messages;
#[path = "config/reference.rs"]
mod reference;

/// The smallest configuration that is complete.
pub const MINIMAL: &str = r#"
brokers = "localhost:9092"
group = "billing"
inbox = "sqlite:billing.db"
auto_offset_reset = "earliest"
"#;

pub fn load(toml: &str) -> Result<onceward::config::Settings, onceward::config::ConfigError> {
    onceward::config::Loader::new().toml(toml, "onceward.toml").finish()
}

/// Compares with a committed file; `BLESS=1` writes it.
pub fn golden(path: &str, actual: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{} is out of date; run the test with BLESS=1 and look at the difference\n{actual}", path.display());
}

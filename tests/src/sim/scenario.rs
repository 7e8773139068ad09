//! A log of one engine's inputs: JSON lines, the settings first. It replays to the bit, so it is a bug report.

use onceward_engine::{EngineSettings, Input};
use serde::{Deserialize, Serialize};

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When, in milliseconds.
    pub at: u64,
    /// What.
    pub input: Input,
    /// The driver hands in the next one before it asks for effects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// Settings and inputs of one engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scenario {
    /// The first line.
    pub settings: EngineSettings,
    /// The other lines.
    pub inputs: Vec<Entry>,
}

impl Scenario {
    /// As JSON lines.
    ///
    /// # Errors
    /// When a value has no JSON form.
    pub fn to_lines(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(&self.settings)?;
        text.push('\n');
        for entry in &self.inputs {
            text.push_str(&serde_json::to_string(entry)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// From JSON lines.
    ///
    /// # Errors
    /// When a line is not what it should be.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let settings = serde_json::from_str(lines.next().unwrap_or_default())?;
        let inputs = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self { settings, inputs })
    }
}

//! In place of `otlp` in a build without that feature: nothing is sent, and whoever asks for it is told.

use std::sync::Arc;

use onceward_engine::{Fate, Outcome};

use super::Metrics;
use crate::config::{ConfigError, Problem, TelemetrySettings};
use crate::driver::Payload;
use crate::event::{Event, Place, Report};
use crate::kafka::Record;

pub(crate) struct Otlp;

#[derive(Clone, Default)]
pub(crate) struct Tracer;

pub(crate) enum Attempt {}

impl Otlp {
    pub(crate) fn start(settings: &TelemetrySettings, _group: &str, _metrics: &Arc<Metrics>) -> Result<Self, ConfigError> {
        if settings.otlp.is_none() {
            return Ok(Self);
        }
        let message = "this program was built without the feature \"otlp\" of the crate onceward; build it with that, or take this out";
        Err(ConfigError::new(vec![Problem { path: "telemetry.otlp".to_owned(), message: message.to_owned() }]))
    }

    pub(crate) fn tracer(&self) -> Tracer {
        Tracer
    }
}

impl Tracer {
    pub(crate) fn now(&self) -> u64 {
        0
    }

    pub(crate) fn attempt(&self, _event: &Event) -> Option<Attempt> {
        None
    }

    pub(crate) fn of_letter(&self, _record: &Record<'_>, _place: &Place) -> Option<String> {
        None
    }

    pub(crate) fn resolved(&self, _payload: &Payload, _place: &Place, _fate: Fate) {}
}

impl Attempt {
    pub(crate) fn end(self, _outcome: Option<Outcome>, _failure: Option<&Report>) {
        match self {}
    }
}

//! Where telemetry goes: from the configuration, else from OpenTelemetry's own environment variables.

use std::time::Duration;

use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;

use super::client::Client;
use crate::config::TelemetrySettings;

const ANY: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const METRICS: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
/// OpenTelemetry's default.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody who collects.
#[derive(Debug)]
pub(super) struct Place {
    /// As configured; `None`: the exporters read the environment themselves.
    base: Option<String>,
    pub(super) traces: bool,
    pub(super) metrics: bool,
    patience: Duration,
    authorities: Option<String>,
    /// `OTEL_SERVICE_NAME`.
    service: Option<String>,
    group: String,
}

impl Place {
    /// `None`: there is nobody to send to.
    ///
    /// # Errors
    /// What is configured and can't work.
    pub(super) fn find(settings: &TelemetrySettings, group: &str, env: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let set = |name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let none = |name: &str| set(name).is_some_and(|value| value == "none");
        if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let base = settings.otlp.clone();
        let wanted = |one: &str| base.is_some() || set(ANY).is_some() || set(one).is_some();
        let traces = wanted(TRACES) && !none("OTEL_TRACES_EXPORTER");
        let metrics = wanted(METRICS) && !none("OTEL_METRICS_EXPORTER");
        if !traces && !metrics {
            return Ok(None);
        }
        for name in ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"] {
            if let Some(other) = set(name).filter(|value| value != "http/protobuf")
                && base.is_none()
            {
                // The variables may be meant for another program; that is no reason not to handle events.
                tracing::warn!(target: "onceward", "telemetry is not sent: {name} is {other:?}, and only http/protobuf is spoken (port 4318)");
                return Ok(None);
            }
        }
        let patience = set("OTEL_EXPORTER_OTLP_TIMEOUT").and_then(|millis| millis.parse().ok()).map_or(PATIENCE, Duration::from_millis);
        let authorities = set("OTEL_EXPORTER_OTLP_CERTIFICATE");
        let service = set("OTEL_SERVICE_NAME");
        Ok(Some(Self { base, traces, metrics, patience, authorities, service, group: group.to_owned() }))
    }

    /// For the log. What the environment says may hold credentials, so it is not shown.
    pub(super) fn shown(&self) -> &str {
        self.base.as_deref().unwrap_or("where OTEL_EXPORTER_OTLP_ENDPOINT says")
    }

    /// Who sends: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`; without a name the consumer group is one.
    pub(super) fn resource(&self) -> Resource {
        // The SDK lets the name among the attributes win over the variable that is there for it; the specification wants it otherwise.
        if let Some(service) = &self.service {
            return Resource::builder().with_service_name(service.clone()).build();
        }
        let found = Resource::builder().build();
        let name = found.get(&opentelemetry::Key::from_static_str("service.name")).map(|name| name.to_string());
        if name.is_some_and(|name| !name.starts_with("unknown_service")) {
            return found;
        }
        Resource::builder().with_service_name(self.group.clone()).build()
    }

    pub(super) fn span_exporter(&self) -> Result<SpanExporter, String> {
        let mut builder = SpanExporter::builder().with_http().with_http_client(self.client());
        if let Some(base) = &self.base {
            builder = builder.with_endpoint(format!("{base}/v1/traces"));
        }
        builder.with_timeout(self.patience).build().map_err(|error| error.to_string())
    }

    pub(super) fn metric_exporter(&self) -> Result<MetricExporter, String> {
        let mut builder = MetricExporter::builder().with_http().with_http_client(self.client());
        if let Some(base) = &self.base {
            builder = builder.with_endpoint(format!("{base}/v1/metrics"));
        }
        builder.with_timeout(self.patience).build().map_err(|error| error.to_string())
    }

    fn client(&self) -> Client {
        Client::new(self.patience, self.authorities.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    fn find(otlp: Option<&str>, env: &[(&str, &str)]) -> Option<(bool, bool)> {
        let settings = TelemetrySettings { otlp: otlp.map(str::to_owned), ..TelemetrySettings::default() };
        let get = |name: &str| env.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned());
        Place::find(&settings, "g", get).unwrap().map(|place| (place.traces, place.metrics))
    }

    #[test]
    fn nothing_is_sent_unless_an_endpoint_is_named() {
        assert_eq!(find(None, &[]), None);
        assert_eq!(find(None, &[(ANY, " ")]), None);
        assert_eq!(find(Some("http://c:4318"), &[]), Some((true, true)));
        assert_eq!(find(None, &[(ANY, "http://c:4318")]), Some((true, true)));
        assert_eq!(find(None, &[(TRACES, "http://c:4318/v1/traces")]), Some((true, false)));
        assert_eq!(find(Some("http://c:4318"), &[("OTEL_TRACES_EXPORTER", "none")]), Some((false, true)));
        assert_eq!(find(Some("http://c:4318"), &[("OTEL_SDK_DISABLED", "TRUE")]), None);
    }

    #[test]
    fn a_protocol_that_is_not_spoken_is_not_sent_in_another_one() {
        assert_eq!(find(None, &[(ANY, "http://c:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]), None);
        assert_eq!(find(Some("http://c:4318"), &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]), Some((true, true)), "the file says more");
    }
}

//! One event as a Python handler sees it: looked up when asked for.

use onceward_bridge::{Event as Inner, SchemaId, Value};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::convert;

/// A record of Kafka, with an identity. Its parts are read when they are asked for.
#[pyclass(frozen, module = "onceward", name = "Event")]
pub(crate) struct Event(pub(crate) Inner);

#[pymethods]
impl Event {
    /// The source topic.
    #[getter]
    fn topic(&self) -> &str {
        self.0.topic()
    }

    /// The partition's number.
    #[getter]
    fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// The record's offset.
    #[getter]
    fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// The record's key; None is Kafka's null.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.key().map(|key| PyBytes::new(py, key))
    }

    /// The record's value; None is Kafka's null, a tombstone.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.value().map(|value| PyBytes::new(py, value))
    }

    /// What `json()` reads: the value, or the JSON that the topic's schema made of it.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.body().map(|body| PyBytes::new(py, body))
    }

    /// The id of the schema that wrote the value: a registry's number, or a global id as text.
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(match self.0.schema() {
            None => None,
            Some(SchemaId::Number(number)) => Some(number.into_pyobject(py)?.into_any()),
            Some(SchemaId::Guid(guid)) => Some(guid.into_pyobject(py)?.into_any()),
        })
    }

    /// All headers in order, repeated ones included: pairs of name and bytes or None.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let pairs = self.0.headers().map(|header| {
            let name = String::from_utf8_lossy(header.name).into_owned();
            (name, header.value.map(|value| PyBytes::new(py, value)))
        });
        let pairs: Vec<_> = pairs.collect();
        PyList::new(py, pairs)
    }

    /// The last header of this name that is not null.
    fn header<'py>(&self, py: Python<'py>, name: &str) -> Option<Bound<'py, PyBytes>> {
        self.0.header(name).map(|value| PyBytes::new(py, value))
    }

    /// The record's timestamp in milliseconds since 1970.
    #[getter]
    fn timestamp(&self) -> Option<i64> {
        self.0.timestamp()
    }

    /// The event's id as its producer gave it; else its coordinates, as `topic/partition/offset`.
    #[getter]
    fn id(&self) -> String {
        self.0.id()
    }

    /// The event's type, from where the topic's `event_type` says.
    #[getter]
    fn r#type(&self) -> Option<String> {
        self.0.event_type()
    }

    /// The id of the business flow.
    #[getter]
    fn correlation_id(&self) -> String {
        self.0.correlation_id()
    }

    /// The id of the event that caused this one, if its producer said so.
    #[getter]
    fn causation_id(&self) -> Option<String> {
        self.0.causation_id()
    }

    /// The W3C trace context for calls to other services.
    #[getter]
    fn traceparent(&self) -> Option<String> {
        self.0.traceparent()
    }

    /// The number of this call for this event, counted from 1.
    #[getter]
    fn attempt(&self) -> u32 {
        self.0.attempt()
    }

    /// Whether this is the replay of a dead letter.
    #[getter]
    fn replayed(&self) -> bool {
        self.0.replayed()
    }

    /// A key for the other side of a call that is no effect: the same for every attempt and redelivery. 32 hex digits.
    #[getter]
    fn idempotency_key(&self) -> String {
        self.0.idempotency_key()
    }

    /// The value as JSON.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = PyBytes::new(py, self.0.body().unwrap_or_default());
        py.import("onceward._body")?.getattr("loads")?.call1((value,))
    }

    /// Records a statement that commits with this event's mark.
    #[pyo3(signature = (sql, params=None, expect_rows=None))]
    fn effect(&self, sql: String, params: Option<&Bound<'_, PyAny>>, expect_rows: Option<u64>) -> PyResult<()> {
        let params = convert::values(params)?;
        match expect_rows {
            Some(rows) => self.0.effect_expecting(rows, sql, params),
            None => self.0.effect(sql, params),
        }
        Ok(())
    }

    /// Reads tables in the inbox's file. For handlers registered with `reads=True`.
    #[pyo3(signature = (sql, params=None))]
    fn query<'py>(&self, py: Python<'py>, sql: &str, params: Option<&Bound<'py, PyAny>>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let params = convert::values(params)?;
        let rows = py.detach(|| self.0.query::<Vec<Value>>(sql, params));
        let rows = rows.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        rows.into_iter().map(|row| tuple(py, row)).collect()
    }

    /// Publishes an event when this handler succeeds.
    #[allow(clippy::too_many_arguments, reason = "the parts of a record")]
    #[pyo3(signature = (topic, *, key=None, value=None, json=None, headers=None, id=None))]
    fn publish(
        &self,
        py: Python<'_>,
        topic: &str,
        key: Option<&Bound<'_, PyAny>>,
        value: Option<&Bound<'_, PyAny>>,
        json: Option<&Bound<'_, PyAny>>,
        headers: Option<&Bound<'_, PyAny>>,
        id: Option<String>,
    ) -> PyResult<()> {
        let body = py.import("onceward._body")?.getattr("body")?.call1((value, json))?;
        self.0.publish(convert::publish(topic, key, Some(&body), headers, id)?);
        Ok(())
    }

    fn __repr__(&self) -> String {
        format!("<Event {}/{}/{} attempt {}>", self.0.topic(), self.0.partition(), self.0.offset(), self.0.attempt())
    }
}

/// A row.
pub(crate) fn tuple(py: Python<'_>, row: Vec<Value>) -> PyResult<Bound<'_, PyTuple>> {
    let values: Vec<_> = row.into_iter().map(|value| convert::object(py, value)).collect::<PyResult<_>>()?;
    PyTuple::new(py, values)
}

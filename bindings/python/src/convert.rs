//! Values of statements, publishes and outcomes.

use std::time::Duration;

use onceward_bridge::{Outcome, Publish, Trouble, Value};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyFloat, PyInt, PyMemoryView, PyString};

/// Headers as Python people write them: name and bytes.
pub(crate) type Headers = Vec<(String, Option<Vec<u8>>)>;

/// The parameters of a statement.
pub(crate) fn values(params: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<Value>> {
    let Some(params) = params.filter(|params| !params.is_none()) else { return Ok(Vec::new()) };
    if params.is_instance_of::<PyString>() || params.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err("params must be a list or tuple with a value for each `?`; a single one is written [value]"));
    }
    params.try_iter()?.enumerate().map(|(index, item)| value(&item?, index)).collect()
}

fn value(item: &Bound<'_, PyAny>, index: usize) -> PyResult<Value> {
    if item.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = item.cast::<PyBool>() {
        return Ok(Value::Integer(flag.is_true().into()));
    }
    if item.is_instance_of::<PyInt>() {
        let too_large = |_| PyOverflowError::new_err(format!("params[{index}] does not fit 64 bits; write it as text"));
        return item.extract().map(Value::Integer).map_err(too_large);
    }
    if let Ok(number) = item.cast::<PyFloat>() {
        return Ok(Value::Real(number.value()));
    }
    if item.is_instance_of::<PyString>() {
        return Ok(Value::Text(item.extract()?));
    }
    if item.is_instance_of::<PyBytes>() || item.is_instance_of::<PyByteArray>() || item.is_instance_of::<PyMemoryView>() {
        return Ok(Value::Blob(bytes(item)?));
    }
    let kind = item.get_type().fully_qualified_name()?.to_string();
    Err(PyTypeError::new_err(format!(
        "params[{index}] is a {kind}; a value is None, a bool, an int, a float, a str or bytes. Write a date as text, a Decimal as text, and \
         anything else as JSON"
    )))
}

/// A value of a row.
pub(crate) fn object(py: Python<'_>, value: Value) -> PyResult<Bound<'_, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Integer(number) => number.into_pyobject(py)?.into_any(),
        Value::Real(number) => number.into_pyobject(py)?.into_any(),
        Value::Text(text) => text.into_pyobject(py)?.into_any(),
        Value::Blob(blob) => PyBytes::new(py, &blob).into_any(),
    })
}

/// Bytes, or text as UTF-8.
pub(crate) fn octets(item: &Bound<'_, PyAny>, what: &str) -> PyResult<Option<Vec<u8>>> {
    if item.is_none() {
        return Ok(None);
    }
    if let Ok(text) = item.cast::<PyString>() {
        return Ok(Some(text.to_string_lossy().into_owned().into_bytes()));
    }
    let wrong = |_| PyTypeError::new_err(format!("{what} must be bytes, str or None"));
    bytes(item).map(Some).map_err(wrong)
}

fn bytes(item: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(found) = item.cast::<PyBytes>() {
        return Ok(found.as_bytes().to_vec());
    }
    let copied = item.py().get_type::<PyBytes>().call1((PyMemoryView::from(item)?,))?;
    Ok(copied.cast::<PyBytes>()?.as_bytes().to_vec())
}

/// Headers: a mapping, or a sequence of pairs where a name may come twice.
pub(crate) fn headers(given: Option<&Bound<'_, PyAny>>) -> PyResult<Headers> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(Vec::new()) };
    let pairs = if given.hasattr("items")? { given.call_method0("items")? } else { given.clone() };
    let mut headers = Vec::new();
    for pair in pairs.try_iter()? {
        let wrong = || PyTypeError::new_err("headers must be a mapping or a sequence of (name, value)");
        let pair: Vec<Bound<'_, PyAny>> = pair?.extract().map_err(|_| wrong())?;
        let [name, value] = pair.as_slice() else { return Err(wrong()) };
        let name: String = name.extract().map_err(|_| wrong())?;
        headers.push((name, octets(value, "the value of a header")?));
    }
    Ok(headers)
}

/// An event to publish.
pub(crate) fn publish(
    topic: &str,
    key: Option<&Bound<'_, PyAny>>,
    value: Option<&Bound<'_, PyAny>>,
    given: Option<&Bound<'_, PyAny>>,
    id: Option<String>,
) -> PyResult<Publish> {
    let mut publish = Publish::to(topic);
    if let Some(key) = key.map(|key| octets(key, "key")).transpose()?.flatten() {
        publish = publish.key(key);
    }
    if let Some(value) = value.map(|value| octets(value, "value")).transpose()?.flatten() {
        publish = publish.value(value);
    }
    for (name, value) in headers(given)? {
        publish = match value {
            Some(value) => publish.header(name, value),
            None => publish.null_header(name),
        };
    }
    Ok(match id {
        Some(id) => publish.id(id),
        None => publish,
    })
}

/// A time in seconds.
pub(crate) fn seconds(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| PyValueError::new_err(format!("{seconds} is no time in seconds")))
}

/// What a handler said: `verdict` is one of `failed`, `retry`, `reject`, `undecodable`, `stop`.
pub(crate) fn outcome(
    verdict: &str,
    kind: String,
    message: String,
    stack: String,
    names: Vec<String>,
    after: Option<f64>,
) -> PyResult<Outcome> {
    if verdict == "stop" {
        return Ok(Outcome::Stop(message));
    }
    let trouble = Trouble { kind, message, stack, names };
    Ok(match (verdict, after) {
        ("retry", Some(after)) => Outcome::Retry(trouble, seconds(after)?),
        ("failed" | "retry", _) => Outcome::Failed(trouble),
        ("reject", _) => Outcome::Reject(trouble),
        ("undecodable", _) => Outcome::Undecodable(trouble),
        _ => return Err(PyValueError::new_err(format!("{verdict:?} is no verdict"))),
    })
}

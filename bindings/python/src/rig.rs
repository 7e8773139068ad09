//! A consumer without a broker, in simulated time.

use std::collections::BTreeMap;

use onceward_bridge::testing::{Rig as Inner, RigOptions, SendOptions};
use onceward_bridge::{Fault, Filter, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::convert::{self, seconds};
use crate::error::raised;
use crate::event::tuple;
use crate::session::Session;

/// Level, text, fields.
type Line = (String, String, Vec<(String, String)>);

/// What letters are chosen by: fingerprint, reason, key, partition, letter id.
type Which = (Option<String>, Option<String>, Option<Vec<u8>>, Option<i32>, Option<String>);

/// A rig of the runtime. Calls let go of the GIL: handlers run meanwhile.
#[pyclass(frozen, module = "onceward._native")]
pub(crate) struct Rig(Inner);

#[pymethods]
impl Rig {
    #[new]
    fn new(
        py: Python<'_>,
        session: &Session,
        seed: u64,
        start: Option<i64>,
        partitions: BTreeMap<String, i32>,
        patience: f64,
    ) -> PyResult<Self> {
        let mut options = RigOptions::new().seed(seed).patience(seconds(patience)?);
        if let Some(start) = start {
            options = options.start(start);
        }
        for (topic, count) in partitions {
            options = options.partitions(topic, count);
        }
        py.detach(|| session.0.rig(options)).map(Self).map_err(|fault| raised(py, &fault))
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a record")]
    fn send(
        &self,
        py: Python<'_>,
        topic: &str,
        key: Option<&Bound<'_, PyAny>>,
        value: Option<&Bound<'_, PyAny>>,
        headers: Option<&Bound<'_, PyAny>>,
        id: Option<String>,
        timestamp: Option<i64>,
        partition: Option<i32>,
    ) -> PyResult<(String, i32, i64)> {
        let mut record = SendOptions::new();
        if let Some(key) = key.map(|key| convert::octets(key, "key")).transpose()?.flatten() {
            record = record.key(key);
        }
        if let Some(value) = value.map(|value| convert::octets(value, "value")).transpose()?.flatten() {
            record = record.value(value);
        }
        for (name, value) in convert::headers(headers)? {
            record = match value {
                Some(value) => record.header(name, value),
                None => record.null_header(name),
            };
        }
        if let Some(id) = id {
            record = record.id(id);
        }
        if let Some(timestamp) = timestamp {
            record = record.timestamp(timestamp);
        }
        if let Some(partition) = partition {
            record = record.partition(partition);
        }
        let position = self.call(py, |rig| rig.send(topic, record))?;
        Ok((position.topic, position.partition, position.offset))
    }

    fn run(&self, py: Python<'_>) -> PyResult<()> {
        self.call(py, Inner::run)
    }

    fn step(&self, py: Python<'_>) -> PyResult<bool> {
        self.call(py, Inner::step)
    }

    fn advance(&self, py: Python<'_>, by: f64) -> PyResult<()> {
        let by = seconds(by)?;
        self.call(py, |rig| rig.advance(by))
    }

    fn now(&self) -> f64 {
        self.0.now().as_secs_f64()
    }

    fn crash(&self, py: Python<'_>) -> PyResult<()> {
        self.call(py, Inner::crash)
    }

    fn revoke(&self, py: Python<'_>, topic: &str, partition: i32) -> PyResult<()> {
        self.call(py, |rig| rig.revoke(topic, partition))
    }

    fn lose(&self, py: Python<'_>, topic: &str, partition: i32) -> PyResult<()> {
        self.call(py, |rig| rig.lose(topic, partition))
    }

    fn assign(&self, py: Python<'_>, topic: &str, partition: i32) -> PyResult<()> {
        self.call(py, |rig| rig.assign(topic, partition))
    }

    fn fail_store(&self, py: Python<'_>, times: u32) -> PyResult<()> {
        self.call(py, |rig| rig.fail_store(times))
    }

    fn fail_produce(&self, py: Python<'_>, times: u32) -> PyResult<()> {
        self.call(py, |rig| rig.fail_produce(times))
    }

    fn replay(
        &self,
        py: Python<'_>,
        fingerprint: Option<String>,
        reason: Option<String>,
        key: Option<&Bound<'_, PyAny>>,
        partition: Option<i32>,
        letter: Option<String>,
    ) -> PyResult<usize> {
        let which = chosen((fingerprint, reason, octets(key)?, partition, letter));
        self.call(py, |rig| rig.replay_where(which))
    }

    fn discard(
        &self,
        py: Python<'_>,
        fingerprint: Option<String>,
        reason: Option<String>,
        key: Option<&Bound<'_, PyAny>>,
        partition: Option<i32>,
        letter: Option<String>,
    ) -> PyResult<usize> {
        let which = chosen((fingerprint, reason, octets(key)?, partition, letter));
        self.call(py, |rig| rig.discard_where(which))
    }

    fn held<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let one = |held: onceward_bridge::testing::HeldKey| {
            let found = PyDict::new(py);
            found.set_item("topic", held.topic)?;
            found.set_item("partition", held.partition)?;
            found.set_item("key", held.key.map(|key| PyBytes::new(py, &key)))?;
            found.set_item("letter", held.letter)?;
            found.set_item("behind", held.behind)?;
            Ok(found)
        };
        self.0.held().into_iter().map(one).collect()
    }

    fn handled(&self) -> Vec<String> {
        self.0.handled()
    }

    fn attempts(&self, id: &str) -> u32 {
        self.0.attempts(id)
    }

    fn committed(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.committed(topic, partition)
    }

    fn dead_letters<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let one = |letter: onceward_bridge::testing::DeadLetter| {
            let found = record(py, &letter.position, letter.key.as_deref(), letter.value.as_deref(), &letter.headers.0)?;
            found.set_item("reason", letter.reason())?;
            found.set_item("attempts", letter.attempts())?;
            found.set_item("id", letter.event_id())?;
            found.set_item("state", letter.state())?;
            found.set_item("replays", letter.replays)?;
            found.set_item("letter_id", letter.letter.id.as_deref().unwrap_or_default())?;
            found.set_item("fingerprint", letter.letter.fingerprint.as_deref().unwrap_or_default())?;
            Ok(found)
        };
        self.0.dead_letters().into_iter().map(one).collect()
    }

    fn published<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let one = |published: onceward_bridge::testing::Published| {
            let found = record(py, &published.position, published.key.as_deref(), published.value.as_deref(), &published.headers.0)?;
            found.set_item("id", published.id)?;
            Ok(found)
        };
        self.0.published().into_iter().map(one).collect()
    }

    fn sql<'py>(&self, py: Python<'py>, query: &str) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let rows = self.call(py, |rig| rig.sql::<Vec<Value>>(query))?;
        rows.into_iter().map(|row| tuple(py, row)).collect()
    }

    fn logs(&self) -> Vec<Line> {
        self.0.logs().into_iter().map(|line| (line.level, line.message, line.fields)).collect()
    }

    fn history(&self) -> Vec<String> {
        self.0.history().iter().map(ToString::to_string).collect()
    }
}

impl Rig {
    fn call<R: Send, E: Into<Fault> + Send>(&self, py: Python<'_>, act: impl FnOnce(&Inner) -> Result<R, E> + Send) -> PyResult<R> {
        py.detach(|| act(&self.0)).map_err(|error| raised(py, &error.into()))
    }
}

fn octets(key: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Vec<u8>>> {
    Ok(key.map(|key| convert::octets(key, "key")).transpose()?.flatten())
}

fn chosen((fingerprint, reason, key, partition, letter): Which) -> Filter {
    let (partitions, letters) = (partition.into_iter().collect(), letter.into_iter().collect());
    Filter { fingerprint, reason, key, partitions, letters, ..Filter::default() }
}

fn record<'py>(
    py: Python<'py>,
    position: &onceward_bridge::testing::Position,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(Vec<u8>, Option<Vec<u8>>)],
) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    found.set_item("topic", &position.topic)?;
    found.set_item("partition", position.partition)?;
    found.set_item("offset", position.offset)?;
    found.set_item("key", key.map(|key| PyBytes::new(py, key)))?;
    found.set_item("value", value.map(|value| PyBytes::new(py, value)))?;
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.as_deref().map(|value| PyBytes::new(py, value))))
        .collect();
    found.set_item("headers", headers)?;
    Ok(found)
}

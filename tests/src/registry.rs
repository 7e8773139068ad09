//! A schema registry of our own, with faults on request: what a test needs of Confluent's REST dialect, over plain sockets.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// The address of a real registry.
///
/// # Panics
/// If there is none. A test that needs one never passes by being left out.
#[must_use]
pub fn real() -> String {
    std::env::var("ONCEWARD_TEST_REGISTRY").unwrap_or_else(|_| panic!("this test needs a real schema registry: run `cargo xtask test`, or set ONCEWARD_TEST_REGISTRY to what `cargo xtask registry` prints"))
}

/// What goes wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fault {
    #[default]
    None,
    /// Every answer is this status, with a page for people.
    Status(u16),
    /// It takes the request and never answers.
    Silent,
    /// It closes the connection.
    Gone,
    /// A schema of another id than was asked for.
    WrongId,
    /// Status 200, and no JSON.
    Page,
    /// Elsewhere.
    Redirect(String),
    /// A body of so many bytes.
    Huge(usize),
}

#[derive(Default)]
struct State {
    fault: Fault,
    /// By id, as the registry answers.
    schemas: BTreeMap<u32, Value>,
    /// Ids of versions, the oldest first.
    subjects: BTreeMap<String, Vec<u32>>,
    level: Option<String>,
    asked: Vec<String>,
    authorization: Vec<String>,
}

/// A registry on a port of its own, for as long as the process lives.
#[derive(Clone)]
pub struct StubRegistry {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Default for StubRegistry {
    fn default() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stub = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = Arc::clone(&stub.state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                thread::spawn(move || drop(serve(&stream, &state)));
            }
        });
        stub
    }
}

impl StubRegistry {
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn fail(&self, fault: Fault) {
        self.state.lock().unwrap().fault = fault;
    }

    pub fn level(&self, level: &str) {
        self.state.lock().unwrap().level = Some(level.to_owned());
    }

    /// The next version of a subject; the id that stands for it.
    pub fn register(&self, subject: &str, kind: &str, schema: &str, references: &[(&str, &str, u32)]) -> u32 {
        let mut state = self.state.lock().unwrap();
        let references: Vec<Value> =
            references.iter().map(|(name, subject, version)| json!({"name": name, "subject": subject, "version": version})).collect();
        add(&mut state, subject, json!({"schema": schema, "schemaType": kind, "references": references}))
    }

    /// Requests so far, as `GET /path`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// The header of each request that had one.
    #[must_use]
    pub fn authorization(&self) -> Vec<String> {
        self.state.lock().unwrap().authorization.clone()
    }
}

fn add(state: &mut State, subject: &str, schema: Value) -> u32 {
    let same = state.schemas.iter().find(|(_, known)| known["schema"] == schema["schema"]).map(|(id, _)| *id);
    let id = same.unwrap_or_else(|| u32::try_from(state.schemas.len()).unwrap() + 1);
    state.schemas.entry(id).or_insert(schema);
    let versions = state.subjects.entry(subject.to_owned()).or_default();
    if !versions.contains(&id) {
        versions.push(id);
    }
    id
}

fn serve(stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap_or(0),
                "authorization" => state.lock().unwrap().authorization.push(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (status, more, answer) = {
            let mut state = state.lock().unwrap();
            state.asked.push(format!("{method} {target}"));
            match state.fault.clone() {
                Fault::None | Fault::WrongId => answer(&mut state, method, target, &body),
                Fault::Status(status) => (status, String::new(), "<html>please come back later</html>".to_owned()),
                Fault::Page => (200, String::new(), "<html>log in here</html>".to_owned()),
                Fault::Redirect(to) => (302, format!("location: {to}\r\n"), String::new()),
                Fault::Huge(bytes) => (200, String::new(), "x".repeat(bytes)),
                Fault::Gone => return Ok(()),
                Fault::Silent => {
                    drop(state);
                    // Longer than any client waits; the thread dies with the process.
                    thread::sleep(Duration::from_secs(600));
                    return Ok(());
                }
            }
        };
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status} -\r\ncontent-length: {}\r\n{more}\r\n{answer}", answer.len())?;
    }
}

fn answer(state: &mut State, method: &str, target: &str, body: &[u8]) -> (u16, String, String) {
    let path: Vec<String> = target.split('?').next().unwrap_or_default().split('/').skip(1).map(unescaped).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let found = match (method, path.as_slice()) {
        ("GET", ["schemas", "ids", id]) => by_id(state, id),
        ("GET", ["config", ..]) => Ok(json!({"compatibilityLevel": state.level.as_deref().unwrap_or("BACKWARD")})),
        ("GET", ["subjects", subject, "versions"]) => {
            state.subjects.get(*subject).map(|ids| json!((1..=ids.len()).collect::<Vec<_>>())).ok_or(40401)
        }
        ("GET", ["subjects", subject, "versions", version]) => by_version(state, subject, version),
        ("POST", ["subjects", subject, "versions"]) => {
            let given: Value = serde_json::from_slice(body).unwrap_or_default();
            Ok(json!({"id": add(state, subject, given)}))
        }
        ("POST", ["subjects", subject]) => {
            let given: Value = serde_json::from_slice(body).unwrap_or_default();
            let ids = state.subjects.get(*subject).into_iter().flatten();
            ids.copied().find(|id| state.schemas[id]["schema"] == given["schema"]).map(|id| json!({"id": id})).ok_or(40403)
        }
        _ => Err(404),
    };
    match found {
        Ok(found) => (200, String::new(), found.to_string()),
        Err(code) => (404, String::new(), json!({"error_code": code, "message": "not found"}).to_string()),
    }
}

fn by_id(state: &State, id: &str) -> Result<Value, u32> {
    let id: u32 = id.parse().map_err(|_| 404_u32)?;
    let mut schema = state.schemas.get(&id).cloned().ok_or(40403_u32)?;
    if state.fault == Fault::WrongId {
        schema["id"] = json!(id + 1);
    }
    Ok(schema)
}

fn by_version(state: &State, subject: &str, version: &str) -> Result<Value, u32> {
    let ids = state.subjects.get(subject).ok_or(40401_u32)?;
    let number = if version == "latest" { ids.len() } else { version.parse().map_err(|_| 42202_u32)? };
    let id = number.checked_sub(1).and_then(|at| ids.get(at)).ok_or(40402_u32)?;
    let mut schema = state.schemas[id].clone();
    schema["id"] = json!(id);
    schema["version"] = json!(number);
    Ok(schema)
}

fn unescaped(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match (first, after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

//! One running broker: how it is started, found again, and ended. Only processes that we started are ever signalled.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::settings::Ports;
use super::{certificates, jars, settings};
use crate::failure::{Doing as _, Failure, Outcome};
use crate::place::Place;
use crate::process;

/// The broker that all tests share. Tests that hurt a broker start one of their own under another name.
pub(crate) const SHARED: &str = "shared";

/// The one with access control; the tests that need it start it.
pub(crate) const SECURE: &str = "secure";

const PATIENCE: Duration = Duration::from_secs(90);

/// What a later command must know to find the broker again.
#[derive(Serialize, Deserialize)]
pub(crate) struct Running {
    pid: u32,
    /// When the process started, as the system counts it. A pid alone is reused after a reboot, and we would end a stranger.
    started: String,
    port: u16,
    controller: u16,
    /// TLS with SASL, and mutual TLS; zero where the broker has no such listener.
    #[serde(default)]
    sasl: u16,
    #[serde(default)]
    mutual: u16,
}

impl Running {
    /// `HOST:PORT` for clients.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The address, those of the secure listeners, and the broker's folder, for tests.
    pub(crate) fn addresses(&self, place: &Place, name: &str) -> String {
        format!("{} 127.0.0.1:{} 127.0.0.1:{} {}", self.address(), self.sasl, self.mutual, place.broker(name).display())
    }

    fn signal(&self, signal: &str) -> Outcome<()> {
        let sent = process::succeeds(Command::new("sh").args(["-c", &format!("kill -{signal} {}", self.pid)]));
        // It may have ended between the look and the signal.
        if sent || !self.alive() {
            return Ok(());
        }
        Err(Failure::new(format!("may not signal the broker (pid {}); do it as the user who started it", self.pid)))
    }

    fn alive(&self) -> bool {
        started_at(self.pid).is_some_and(|started| started == self.started)
    }
}

/// What tests and benchmarks read.
pub(crate) fn environment(place: &Place, broker: &Running) -> Outcome<Vec<(&'static str, String)>> {
    let xtask = std::env::current_exe().doing("find this program")?;
    let flights = crate::flights::fetch(place)?;
    Ok(vec![
        ("ONCEWARD_TEST_BROKERS", broker.address()),
        ("ONCEWARD_TEST_FLIGHTS", flights.display().to_string()),
        ("ONCEWARD_XTASK", xtask.display().to_string()),
    ])
}

/// The broker called `name`, started if it does not run. It outlives this program.
pub(crate) fn start(place: &Place, name: &str, secure: bool) -> Outcome<Running> {
    let home = place.broker(name);
    fs::create_dir_all(&home).doing(format_args!("create {}", home.display()))?;
    let _guard = lock(&home)?;
    if let Some(running) = find(&home).filter(Running::alive) {
        return Ok(running);
    }
    let jars = jars::fetch(place)?;
    // A broker that comes back keeps its ports: its clients and its data know them.
    let [port, controller, sasl, mutual] = match find(&home) {
        Some(last) if home.join("data").is_dir() => [last.port, last.controller, last.sasl, last.mutual],
        _ => free_ports()?,
    };
    let broker = Broker { home: &home, jars: &jars };
    let ports = Ports { port, controller, secure: secure.then_some((sasl, mutual)) };
    broker.prepare(&ports)?;
    let mut child = broker.spawn(name)?;
    let started = started_at(child.id()).ok_or_else(|| Failure::new(format!("the broker ended at once; see {}", broker.log())))?;
    let running = Running { pid: child.id(), started, port, controller, sasl, mutual };
    remember(&home, &running)?;
    broker.wait(&mut child, port)?;
    Ok(running)
}

/// Ends the broker called `name` and waits until it is gone; `hard` is SIGKILL. False if none ran.
pub(crate) fn stop(place: &Place, name: &str, hard: bool) -> Outcome<bool> {
    let home = place.broker(name);
    let Some(running) = find(&home).filter(Running::alive) else { return Ok(false) };
    let mut signal = if hard { "KILL" } else { "TERM" };
    let deadline = Instant::now() + PATIENCE;
    loop {
        running.signal(signal)?;
        let until = Instant::now() + Duration::from_secs(30);
        while running.alive() && Instant::now() < until {
            thread::sleep(Duration::from_millis(50));
        }
        if !running.alive() {
            return Ok(true);
        }
        if Instant::now() > deadline {
            return Err(Failure::new(format!("the broker (pid {}) does not end, not even by SIGKILL", running.pid)));
        }
        signal = "KILL";
    }
}

/// Sends a signal to the broker called `name`, which must run.
pub(super) fn signal(place: &Place, name: &str, signal: &str) -> Outcome<()> {
    match running(place, name) {
        Some(running) => running.signal(signal),
        None => Err(Failure::new(format!("the broker `{name}` does not run"))),
    }
}

/// Forgets the data of the broker called `name`, which must not run.
pub(crate) fn wipe(place: &Place, name: &str) -> Outcome<()> {
    let home = place.broker(name);
    if home.exists() { fs::remove_dir_all(&home).doing(format_args!("remove {}", home.display())) } else { Ok(()) }
}

/// The broker called `name`, if it runs.
pub(super) fn running(place: &Place, name: &str) -> Option<Running> {
    find(&place.broker(name)).filter(Running::alive)
}

struct Broker<'a> {
    home: &'a Path,
    jars: &'a Path,
}

impl Broker<'_> {
    fn log(&self) -> String {
        self.home.join("broker.log").display().to_string()
    }

    /// Writes the settings, and formats the data folder once.
    fn prepare(&self, ports: &Ports) -> Outcome<()> {
        let data = self.home.join("data");
        let file = self.home.join("server.properties");
        let mut settings = settings::properties(&data, ports);
        if ports.secure.is_some() {
            certificates::make(self.home)?;
            settings.push_str(&settings::secure(self.home));
        }
        fs::write(&file, settings).doing(format_args!("write {}", file.display()))?;
        if data.join("meta.properties").is_file() {
            return Ok(());
        }
        let mut format = self.java("256m");
        // Any cluster id of 16 bytes in base64 will do: nobody else ever talks to this cluster.
        format.args(["kafka.tools.StorageTool", "format", "-t", "T25jZXdhcmQtdGVzdHMxMg", "-c"]).arg(file);
        if ports.secure.is_some() {
            format.args(settings::users());
        }
        process::quiet(&mut format).map(drop)
    }

    fn spawn(&self, name: &str) -> Outcome<Child> {
        let log = File::create(self.home.join("broker.log")).doing(format_args!("create {}", self.log()))?;
        let errors = log.try_clone().doing("share the broker's log")?;
        self.java("1g")
            .arg(format!("-Donceward.test.broker={name}"))
            .arg("kafka.Kafka")
            .arg(self.home.join("server.properties"))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // Its own group, so that Ctrl-C at the tests does not reach a broker that is to be kept.
            .process_group(0)
            .spawn()
            .doing("start java")
    }

    fn java(&self, heap: &str) -> Command {
        let mut command = Command::new("java");
        command.arg(format!("-Xmx{heap}")).arg("-cp").arg(self.jars.join("*")).current_dir(self.home);
        command
    }

    fn wait(&self, child: &mut Child, port: u16) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = child.try_wait().doing("watch the broker")? {
                return Err(Failure::new(format!("the broker ended ({status}) before it listened; see {}", self.log())));
            }
            if Instant::now() > deadline {
                return Err(Failure::new(format!("the broker did not listen on port {port} within {PATIENCE:?}; see {}", self.log())));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

fn find(home: &Path) -> Option<Running> {
    serde_json::from_slice(&fs::read(home.join("state.json")).ok()?).ok()
}

fn remember(home: &Path, running: &Running) -> Outcome<()> {
    let text = serde_json::to_string_pretty(running).doing("write the broker's state")?;
    fs::write(home.join("state.json"), text).doing(format_args!("write {}", home.join("state.json").display()))
}

/// Two commands at once must not start two brokers on one folder. The lock goes with the file handle.
fn lock(home: &Path) -> Outcome<File> {
    let path = home.join("lock");
    let file = File::create(&path).doing(format_args!("create {}", path.display()))?;
    file.lock().doing(format_args!("lock {}", path.display()))?;
    Ok(file)
}

fn free_ports() -> Outcome<[u16; 4]> {
    // All are held before any is given back: they must differ.
    let held = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("find a free port on loopback");
    let listeners = [held()?, held()?, held()?, held()?];
    let mut ports = [0; 4];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().doing("read a port")?.port();
    }
    Ok(ports)
}

/// When the process started, in the system's own words; none if there is no such process, or only its corpse.
fn started_at(pid: u32) -> Option<String> {
    if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The name, in parentheses, may hold anything; after it: the state, and the start as the 20th field.
        let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        return if fields.first() == Some(&"Z") { None } else { fields.get(19).map(|start| (*start).to_owned()) };
    }
    let output = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let (state, start) = said.split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}

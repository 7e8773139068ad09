//! A real schema registry, Apicurio: fetched by Maven once per user, and running for as long as the tests do.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Doing as _, Failure, Outcome};
use crate::kafka;
use crate::place::Place;
use crate::process;

/// It takes ten seconds where nothing else runs.
const PATIENCE: Duration = Duration::from_secs(180);

/// A registry that ends with this.
pub(crate) struct Registry {
    child: Child,
    port: u16,
    log: PathBuf,
}

/// Starts it, prints its address, and keeps it until it is interrupted or stdin ends.
pub(crate) fn serve(place: &Place) -> Outcome<ExitCode> {
    let mut registry = Registry::start(place)?;
    println!("{}", registry.wait()?);
    // Ctrl-C ends both; a program that started us closes our stdin.
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).doing("wait for the end of stdin")?;
    Ok(ExitCode::SUCCESS)
}

/// The folder that it was unpacked into; fetched when it is not there.
pub(crate) fn fetch(place: &Place) -> Outcome<PathBuf> {
    kafka::fetch_by(place, &place.root.join("tests/registry/pom.xml"), "apicurio", unpack)
}

/// The one archive in a folder, by its contents.
fn unpack(folder: &Path) -> Outcome<()> {
    for entry in fs::read_dir(folder).doing(format_args!("read {}", folder.display()))? {
        let archive = entry.doing(format_args!("read {}", folder.display()))?.path();
        process::quiet(Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(folder))?;
        fs::remove_file(&archive).doing(format_args!("remove {}", archive.display()))?;
    }
    Ok(())
}

impl Registry {
    /// Starts it; it is not there yet when this returns.
    pub(crate) fn start(place: &Place) -> Outcome<Self> {
        let home = place.target.join("registry");
        fs::create_dir_all(&home).doing(format_args!("create {}", home.display()))?;
        let folder = fetch(place)?;
        let program = fs::read_dir(&folder)
            .doing(format_args!("read {}", folder.display()))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.to_string_lossy().ends_with("-runner.jar"))
            .ok_or_else(|| Failure::new(format!("{} holds no program; remove it, and it is fetched again", folder.display())))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("find a free port on loopback")?;
        let port = listener.local_addr().doing("read a port")?.port();
        drop(listener);
        let log = home.join("registry.log");
        let out = File::create(&log).doing(format_args!("create {}", log.display()))?;
        let errors = out.try_clone().doing("share the registry's log")?;
        let child = Command::new("java")
            .args(["-Xmx384m", "-Dquarkus.http.host=127.0.0.1", &format!("-Dquarkus.http.port={port}"), "-jar"])
            .arg(program)
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .doing("start java")?;
        Ok(Self { child, port, log })
    }

    /// Waits until it answers; its URL.
    pub(crate) fn wait(&mut self) -> Outcome<String> {
        let url = format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port);
        let deadline = Instant::now() + PATIENCE;
        // Its port listens before its database is made.
        while !self.answers() {
            if let Some(status) = self.child.try_wait().doing("watch the registry")? {
                return Err(Failure::new(format!("the registry ended ({status}) before it answered; see {}", self.log.display())));
            }
            if Instant::now() > deadline {
                return Err(Failure::new(format!("the registry did not answer within {PATIENCE:?}; see {}", self.log.display())));
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(url)
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else { return false };
        let mut start = [0; 12];
        stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
            && stream.write_all(b"GET /apis/ccompat/v7/subjects HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").is_ok()
            && stream.read_exact(&mut start).is_ok()
            && start == *b"HTTP/1.1 200"
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself; it keeps nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

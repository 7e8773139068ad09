//! A real Postgres, in a folder of its own, for as long as the test that started it.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A server on a port of its own.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    keeper: Option<Child>,
}

/// The server that tests share which do it no harm. It ends with this process, however that ends.
pub(crate) fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(Server::start)
}

fn program(name: &str) -> PathBuf {
    let mut installed: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|version| version.path().join("bin")).collect();
    installed.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = installed.into_iter().rev().chain(std::env::split_paths(&path)).map(|folder| folder.join(name));
    files.find(|file| file.is_file()).expect(
        "no Postgres on this machine, which these tests need; on Debian or Ubuntu: apt-get install postgresql (cargo xtask test does it)",
    )
}

/// Postgres refuses to run as root; its package has made a user.
fn user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).unwrap_or(1) != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("root needs a user named postgres to run the server as");
    let mut fields = line.split(':').skip(2).map(|field| field.parse().unwrap());
    Some((fields.next().unwrap(), fields.next().unwrap()))
}

fn as_user(mut command: Command) -> Command {
    if let Some((uid, gid)) = user() {
        command.uid(uid).gid(gid);
    }
    command
}

impl Server {
    /// A new server, which syncs nothing: these tests kill processes, not machines.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some((uid, gid)) = user() {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut command = as_user(Command::new(program("initdb")));
        command.arg("-D").arg(folder.path().join("data")).args(["-U", "onceward", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]);
        let made = command.current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { folder, port, keeper: None };
        server.again();
        server
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts it (again) and waits until it answers.
    pub(crate) fn again(&mut self) {
        // The shell ends the server when this process does, and its pipe with it.
        let script = "\"$@\" & server=$!; read -r line; kill -QUIT $server; wait $server; rm -rf \"$0/data\"";
        let mut command = as_user(Command::new("sh"));
        command.args(["-c", script]).arg(self.folder.path()).arg(program("postgres")).arg("-D").arg(self.data());
        command.arg("-k").arg(self.folder.path()).args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-F"]);
        command.args([
            "-c",
            "max_connections=200",
            "-c",
            "shared_buffers=32MB",
            "-c",
            "log_min_messages=fatal",
            "-c",
            "deadlock_timeout=100ms",
        ]);
        let mut child =
            command.current_dir(self.folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while !self.answers() {
            assert!(child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60), "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.keeper = Some(child);
    }

    fn answers(&self) -> bool {
        let mut command = Command::new(program("pg_isready"));
        command.args(["-q", "-h", "127.0.0.1", "-U", "onceward", "-p", &self.port.to_string()]).status().unwrap().success()
    }

    /// Ends it as a crash would: nothing is written down any more.
    pub(crate) fn kill(&mut self) {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let pid = text.lines().next().unwrap().to_owned();
        assert!(Command::new("kill").args(["-QUIT", &pid]).status().unwrap().success());
        while Path::new(&format!("/proc/{pid}")).exists() && !zombie(&pid) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(mut keeper) = self.keeper.take() {
            // The shell waits for a line, and would delete the data: it ends without.
            keeper.kill().unwrap();
            keeper.wait().unwrap();
        }
    }

    /// A fresh database.
    pub(crate) fn database(&self) -> Database<'_> {
        let name = format!("db{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        Database { server: self, name }
    }

    /// Runs SQL; answers what it says, without decoration.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> String {
        let output = Command::new(program("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "onceward", "-p", &self.port.to_string()])
            .args(["-d", database, "-c", sql])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

fn zombie(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
    }
}

/// One database of a server.
pub(crate) struct Database<'a> {
    pub(crate) server: &'a Server,
    pub(crate) name: String,
}

impl Database<'_> {
    pub(crate) fn url(&self) -> String {
        format!("postgres://onceward:hunter2@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.psql(&self.name, sql)
    }
}

//! `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`: read once, and never shown with its password.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What is tried for a connection before it counts as failed.
const CONNECT: Duration = Duration::from_secs(10);
/// After so long without an acknowledgement the kernel gives a connection up.
const SILENCE: Duration = Duration::from_secs(30);
/// Connections of one process, unless the URL says otherwise: one writes, one looks up, the rest run `event.query`.
const CONNECTIONS: usize = 10;

/// How far TLS goes; the words are those of Postgres's own clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// `disable`: none. `prefer`: if the server has it. Both believe any server.
    Anyone,
    /// `require`: encrypted; verified only if `sslrootcert` says by what.
    Encrypted,
    /// `verify-ca`: somebody with a certificate of that authority.
    Authority,
    /// `verify-full`: the host that the URL names.
    Host,
}

/// The files that TLS needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificates {
    pub(super) trust: Trust,
    pub(super) root: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// Where a Postgres inbox is. Shown without user and password.
#[derive(Clone)]
pub struct Address {
    url: String,
    pub(super) config: Config,
    pub(super) certificates: Certificates,
    pub(super) connections: usize,
    shown: String,
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Address {}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl Address {
    /// Reads a URL. Options of ours and of TLS are taken out; what is left is between the client and the server.
    ///
    /// # Errors
    /// Says what is wrong, without repeating the URL: it holds a password more often than not.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (base, options) = url.split_once('?').unwrap_or((url, ""));
        let mut certificates = Certificates { trust: Trust::Anyone, root: None, certificate: None, key: None };
        let (mut connections, mut mode, mut rest) = (CONNECTIONS, "prefer", Vec::new());
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=').unwrap_or((option, "")) {
                ("sslmode", value) => mode = value,
                ("sslrootcert", value) => certificates.root = Some(file("sslrootcert", value)?),
                ("sslcert", value) => certificates.certificate = Some(file("sslcert", value)?),
                ("sslkey", value) => certificates.key = Some(file("sslkey", value)?),
                ("max_connections", value) => {
                    let count = value.parse().ok().filter(|count| (3..=1_000).contains(count));
                    connections =
                        count.ok_or("max_connections must be a number from 3 to 1000: one writes, one looks up, one runs queries")?;
                }
                _ => rest.push(option),
            }
        }
        let (plain, trust) = match mode {
            "disable" => ("disable", Trust::Anyone),
            "prefer" => ("prefer", Trust::Anyone),
            "require" if certificates.root.is_some() => ("require", Trust::Authority),
            "require" => ("require", Trust::Encrypted),
            "verify-ca" => ("require", Trust::Authority),
            "verify-full" => ("require", Trust::Host),
            _ => return Err("sslmode must be disable, prefer, require, verify-ca or verify-full".to_owned()),
        };
        certificates.trust = trust;
        rest.push(if plain == "disable" {
            "sslmode=disable"
        } else if plain == "prefer" {
            "sslmode=prefer"
        } else {
            "sslmode=require"
        });
        let mut config: Config = format!("{base}?{}", rest.join("&")).parse().map_err(|_| {
            "is not a URL of Postgres that can be read; write postgres://USER:PASSWORD@HOST:5432/DATABASE, with % for special characters \
             in the password"
                .to_owned()
        })?;
        if config.get_hosts().is_empty() {
            return Err("names no host; write postgres://USER:PASSWORD@HOST:5432/DATABASE".to_owned());
        }
        if config.get_user().is_none() {
            return Err("names no user; write postgres://USER:PASSWORD@HOST:5432/DATABASE, or …//USER@HOST… with PGPASSWORD set".to_owned());
        }
        if config.get_application_name().is_none() {
            config.application_name("onceward");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
        let shown = shown(&config);
        Ok(Self { url: url.to_owned(), config, certificates, connections, shown })
    }

    /// The URL as it was written, password and all.
    #[must_use]
    pub fn secret_url(&self) -> &str {
        &self.url
    }
}

fn file(option: &str, value: &str) -> Result<PathBuf, String> {
    if value.is_empty() { Err(format!("{option} names no file")) } else { Ok(PathBuf::from(value)) }
}

fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(index, host)| {
            let port = ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5_432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(folder) => format!("{}:{port}", folder.display()),
            }
        })
        .collect();
    let database = config.get_dbname().or_else(|| config.get_user()).unwrap_or_default();
    format!("postgres://{}/{database}", hosts.join(","))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Address, Trust};

    #[test]
    fn neither_password_nor_user_is_ever_shown() {
        let address = Address::parse("postgres://billing:hunter2@db.example:5433/money?sslmode=verify-full").unwrap();
        assert_eq!(format!("{address} {address:?}"), "postgres://db.example:5433/money postgres://db.example:5433/money");
        for wrong in [
            "postgres://billing:hunter2@db:port/money",
            "postgres://billing:hunter2@db/money?sslmode=hunter2",
            "postgres://billing:hunter2@db/money?hunter2=1",
            "postgres://billing:hunter2@db/money?max_connections=hunter2",
            "postgres://",
        ] {
            let said = Address::parse(wrong).unwrap_err();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn the_modes_of_tls_mean_what_they_mean_to_other_clients() {
        for (options, trust) in [
            ("", Trust::Anyone),
            ("?sslmode=require", Trust::Encrypted),
            ("?sslmode=require&sslrootcert=/ca.pem", Trust::Authority),
            ("?sslmode=verify-ca", Trust::Authority),
            ("?sslmode=verify-full&connect_timeout=3", Trust::Host),
        ] {
            let address = Address::parse(&format!("postgres://me@db/money{options}")).unwrap();
            assert_eq!(address.certificates.trust, trust, "{options}");
        }
    }
}

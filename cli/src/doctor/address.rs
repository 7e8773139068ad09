//! Addresses: whether their names are known here, and whether somebody listens there.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::finding::{Diagnosis, Finding};

/// `HOST:PORT` as librdkafka reads it: perhaps with a protocol before it, perhaps without a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    host: String,
    port: u16,
}

impl Address {
    pub(super) fn new(host: &str, port: i32) -> Self {
        Self { host: host.to_owned(), port: u16::try_from(port).unwrap_or(0) }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().rsplit_once("://").map_or(text.trim(), |(_, rest)| rest);
        let (host, port) = match text.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (text, 9092),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then(|| Self { host: host.to_owned(), port })
    }

    /// Every one of a list of bootstrap servers.
    pub(super) fn all(brokers: &str) -> Vec<Self> {
        brokers.split(',').filter_map(Self::parse).collect()
    }

    /// What the name stands for. The system's resolver knows no deadline, so it is asked on a thread that may be left behind.
    pub(super) fn resolve(&self, timeout: Duration) -> Result<Vec<SocketAddr>, String> {
        let (answer, answers) = mpsc::channel();
        let (host, port) = (self.host.clone(), self.port);
        thread::Builder::new()
            .name("onceward-resolve".to_owned())
            .spawn(move || answer.send((host.as_str(), port).to_socket_addrs().map(Iterator::collect)).ok())
            .map_err(|error| error.to_string())?;
        let found: std::io::Result<Vec<SocketAddr>> =
            answers.recv_timeout(timeout).map_err(|_| format!("the name service did not answer within {} s", timeout.as_secs()))?;
        found.map_err(|error| error.to_string())
    }

    fn connect(&self, timeout: Duration) -> Result<String, (&'static str, String)> {
        let found = self.resolve(timeout).map_err(|why| ("name", why))?;
        let mut why = "the name stands for no address".to_owned();
        for address in &found {
            match TcpStream::connect_timeout(address, timeout) {
                Ok(_) => return Ok(address.ip().to_string()),
                Err(error) => why = format!("{address}: {error}"),
            }
        }
        Err(("port", why))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// The bootstrap servers. One that answers is enough to start; one that does not is found when the others are down.
pub(super) fn bootstrap(brokers: &str, timeout: Duration, diagnosis: &mut Diagnosis) {
    let answers: Vec<_> = Address::all(brokers).into_iter().map(|address| (address.connect(timeout), address)).collect();
    let some = answers.iter().any(|(answer, _)| answer.is_ok());
    for (answer, address) in answers {
        let finding = if some { Finding::warn } else { Finding::fail };
        diagnosis.add(match answer {
            Ok(ip) => Finding::ok(
                "address",
                address.to_string(),
                if ip == address.host { "takes connections".to_owned() } else { format!("is {ip}, which takes connections") },
            ),
            Err(("name", why)) => {
                let cure = "correct `brokers`, or the name service (/etc/hosts, /etc/resolv.conf)";
                finding("address", address.to_string(), format!("its name is not known here: {why}"), cure.to_owned())
            }
            Err((_, why)) => {
                let cure = "is a broker running there, and does a firewall let this machine through? Correct `brokers` otherwise";
                finding("address", address.to_string(), format!("nobody takes a connection: {why}"), cure.to_owned())
            }
        });
    }
}

/// What brokers call themselves: clients leave the bootstrap servers and connect there.
pub(super) fn advertised(brokers: &[Address], timeout: Duration, diagnosis: &mut Diagnosis) {
    for address in brokers {
        if let Err((_, why)) = address.connect(timeout) {
            let message = format!("the cluster sends clients to this address, and it can't be reached from here: {why}");
            let cure = "correct advertised.listeners of that broker, or start it, or let this machine through to it";
            diagnosis.add(Finding::fail("listener", address.to_string(), message, cure));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn addresses_are_read_as_the_client_reads_them() {
        for (text, shown) in
            [("a:1", "a:1"), (" b ", "b:9092"), ("SASL_SSL://c:2", "c:2"), ("[::1]:3", "[::1]:3"), ("[fe80::1]", "[fe80::1]:9092")]
        {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
        assert_eq!((Address::parse(""), Address::parse(":9"), Address::parse("a:b")), (None, None, None));
        assert_eq!(Address::all("a:1,b:2").len(), 2);
    }

    #[test]
    fn one_server_that_answers_is_enough_to_start() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let judge = |brokers: &str| {
            let mut diagnosis = Diagnosis::default();
            bootstrap(brokers, Duration::from_secs(5), &mut diagnosis);
            diagnosis.finish().ok
        };
        assert!(judge(&format!("127.0.0.1:1,{open}")));
        assert!(!judge("127.0.0.1:1") && !judge("no-such-host.invalid:9092"));
    }
}

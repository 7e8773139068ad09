//! A token endpoint behind TLS, with a certificate of an authority of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::cluster::{Cluster, Service};
use crate::{logs, token, welcome};

/// Takes TLS off and passes on to the plain endpoint: key and certificate, then the endpoint's port, are its arguments.
const PROXY: &str = "
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
def carry(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
def serve(plain):
    try:
        caller = context.wrap_socket(plain, server_side=True)
        behind = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
        threading.Thread(target=carry, args=(caller, behind), daemon=True).start()
        carry(behind, caller)
    except OSError:
        pass
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
";

/// Ends with the test.
struct Proxy {
    process: Child,
    port: u16,
}

impl Proxy {
    /// The broker's certificate will do: it names this address.
    fn start(endpoint: SocketAddr) -> Self {
        let (certificate, port) = (Cluster::get().file("server.pem"), endpoint.port().to_string());
        let arguments = ["-c", PROXY, certificate.as_str(), port.as_str()];
        let mut process = Command::new("python3").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Self { process, port: said.trim().parse().unwrap() }
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}/token", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn an_endpoint_is_trusted_by_the_authority_that_is_named_for_it() {
    let proxy = Proxy::start(token::endpoint("erin"));
    welcome::works("oidc-tls", "User:erin", |service| service.oidc(proxy.url()).kafka("https.ca.location", service.cluster.file("ca.pem")));
}

#[test]
fn an_endpoint_of_an_unknown_authority_is_told_no_secret() {
    let endpoint = token::lasting("erin", std::time::Duration::from_secs(3_600));
    let proxy = Proxy::start(endpoint.address);
    let service = Service::new("oidc-stranger");
    let stranger = service.cluster.file("stranger.pem");
    let message = service.refusal(service.oidc(proxy.url()).kafka("https.ca.location", stranger));
    for part in ["The token endpoint gave no token", "https.ca.location"] {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
    assert!(endpoint.given.lock().unwrap().is_empty(), "the endpoint was never asked");
    assert!(!message.contains("CANARY") && !logs::all().contains("token-CANARY"));
}

//! The secure broker's certificates: an authority of its own, the broker's certificate, a client's, and a stranger's authority.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::failure::{Doing as _, Outcome};
use crate::process;

/// Long enough for any run; nobody keeps the folder longer than that.
const DAYS: &str = "365";

/// Makes them, once for each folder. Afterwards it holds `ca.pem`, `server.pem` (key and certificate, for the broker), `client.pem` and
/// `client.key`, and `stranger.pem`, an authority that signed nothing here.
pub(super) fn make(home: &Path) -> Outcome<()> {
    if home.join("server.pem").is_file() {
        return Ok(());
    }
    authority(home, "ca", "/CN=Onceward tests")?;
    authority(home, "stranger", "/CN=Nobody")?;
    signed(home, "client", "/CN=dave", "extendedKeyUsage=clientAuth")?;
    signed(home, "broker", "/CN=broker", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth")?;
    let read = |name: &str| fs::read_to_string(home.join(name)).doing(format_args!("read {name}"));
    // Last, since its presence says that everything is there.
    let both = format!("{}{}", read("broker.key")?, read("broker.pem")?);
    fs::write(home.join("server.pem"), both).doing("write server.pem")
}

fn authority(home: &Path, name: &str, subject: &str) -> Outcome<()> {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
    openssl(
        home,
        &["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS, "-subj", subject, "-keyout", &key, "-out", &certificate],
    )
}

fn signed(home: &Path, name: &str, subject: &str, extensions: &str) -> Outcome<()> {
    let file = |kind: &str| format!("{name}.{kind}");
    fs::write(home.join(file("ext")), format!("{extensions}\n")).doing("write a certificate's extensions")?;
    openssl(home, &["req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", &file("key"), "-out", &file("csr")])?;
    let (csr, ext, pem) = (file("csr"), file("ext"), file("pem"));
    openssl(
        home,
        &[
            "x509",
            "-req",
            "-in",
            &csr,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            DAYS,
            "-extfile",
            &ext,
            "-out",
            &pem,
        ],
    )
}

fn openssl(home: &Path, arguments: &[&str]) -> Outcome<()> {
    process::quiet(Command::new("openssl").current_dir(home).args(arguments)).map(drop)
}

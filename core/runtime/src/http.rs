//! One answer over HTTP, by the libcurl that is in the program anyway: for token endpoints, collectors, webhooks and schema registries. It
//! blocks, so callers have threads of their own.

use std::path::Path;

use curl::easy::Easy;

/// Most that are asked here answer with a few bytes; anything larger is somebody else.
const LARGEST: usize = 1 << 20;
/// Where distributions keep their authorities; the vendored OpenSSL looks elsewhere.
const AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u32,
    pub(crate) body: Vec<u8>,
    /// The header of that name, as it was written.
    pub(crate) retry_after: Option<String>,
}

/// The authorities that this system trusts.
fn authorities() -> Option<&'static str> {
    AUTHORITIES.into_iter().find(|file| Path::new(file).is_file())
}

/// Whom to trust: a file or a folder of certificates, else what the system trusts.
pub(crate) fn trust(easy: &mut Easy, authority: Option<&str>) -> Result<(), curl::Error> {
    match authority.or(authorities()) {
        Some(place) if Path::new(place).is_dir() => easy.capath(place),
        Some(place) => easy.cainfo(place),
        None => Ok(()),
    }
}

/// Sends the request that was prepared, and reads its answer.
pub(crate) fn perform(easy: &mut Easy) -> Result<Answer, curl::Error> {
    perform_within(easy, LARGEST)
}

/// As [`perform`], and the answer may have so many bytes.
pub(crate) fn perform_within(easy: &mut Easy, largest: usize) -> Result<Answer, curl::Error> {
    let (mut body, mut retry_after) = (Vec::new(), None);
    {
        let mut transfer = easy.transfer();
        transfer.header_function(|line| {
            let line = String::from_utf8_lossy(line);
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("retry-after")
            {
                retry_after = Some(value.trim().to_owned());
            }
            true
        })?;
        transfer.write_function(|bytes| {
            // Taking less than was offered ends the transfer with an error.
            if body.len().saturating_add(bytes.len()) > largest {
                return Ok(0);
            }
            body.extend_from_slice(bytes);
            Ok(bytes.len())
        })?;
        transfer.perform()?;
    }
    Ok(Answer { status: easy.response_code()?, body, retry_after })
}

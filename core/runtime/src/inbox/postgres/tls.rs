//! TLS: the OpenSSL that librdkafka is built with, so there is one of them in the process.

use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVerifyMode};
use postgres_openssl::MakeTlsConnector;

use super::address::{Certificates, Trust};

/// A connector that trusts as much as was asked.
///
/// # Errors
/// Which file can't be used.
pub(super) fn connector(certificates: &Certificates) -> Result<MakeTlsConnector, String> {
    let broken = |error: openssl::error::ErrorStack| format!("OpenSSL can't be set up: {error}");
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(broken)?;
    match &certificates.root {
        Some(root) => builder
            .set_ca_file(root)
            .map_err(|_| format!("sslrootcert={} can't be read, or holds no certificate in PEM", root.display()))?,
        None => {
            // A static OpenSSL does not know where this machine keeps its authorities.
            let found = openssl_probe::probe();
            if let Some(file) = &found.cert_file {
                builder.set_ca_file(file).map_err(|_| format!("{}, this machine's authorities, can't be read", file.display()))?;
            }
        }
    }
    if let Some(file) = &certificates.certificate {
        let wrong = |_| format!("sslcert={} can't be read, or is no certificate in PEM", file.display());
        builder.set_certificate_chain_file(file).map_err(wrong)?;
    }
    if let Some(file) = &certificates.key {
        let wrong = |_| format!("sslkey={} can't be read, or does not belong to sslcert", file.display());
        builder.set_private_key_file(file, SslFiletype::PEM).map_err(wrong)?;
    }
    if matches!(certificates.trust, Trust::Anyone | Trust::Encrypted) {
        builder.set_verify(SslVerifyMode::NONE);
    }
    let mut connector = MakeTlsConnector::new(builder.build());
    let check_name = certificates.trust == Trust::Host;
    connector.set_callback(move |connect, _| {
        connect.set_verify_hostname(check_name);
        Ok(())
    });
    Ok(connector)
}

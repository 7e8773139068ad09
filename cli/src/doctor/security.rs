//! How the connection is protected. That it stands was found before.

use std::time::Duration;

use super::address::Address;
use super::finding::{Diagnosis, Finding};

const GUIDE: &str = "see docs/guide/security.md";

pub(super) fn examine(brokers: &str, client: &[(String, String)], timeout: Duration, diagnosis: &mut Diagnosis) {
    let here = |address: &Address| address.resolve(timeout).is_ok_and(|found| found.iter().all(|address| address.ip().is_loopback()));
    let local = Address::all(brokers).iter().all(here);
    diagnosis.add(judge(brokers, client, local));
}

fn judge(brokers: &str, client: &[(String, String)], local: bool) -> Finding {
    let value = |wanted: &str| client.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.to_ascii_lowercase());
    let is = |name: &str, wanted: &str| value(name).is_some_and(|value| value == wanted);
    let protocol = value("security.protocol").unwrap_or_else(|| "plaintext".to_owned());
    let encrypted = protocol.ends_with("ssl");
    if !encrypted && !local {
        let message = format!("{protocol}: whoever is in between can read and change what is sent");
        return Finding::warn("security", brokers, message, format!("use a TLS listener and set kafka.\"security.protocol\"; {GUIDE}"));
    }
    if encrypted && (is("enable.ssl.certificate.verification", "false") || is("ssl.endpoint.identification.algorithm", "none")) {
        let message = "the broker's certificate is not fully checked: whoever is in between can pass for the broker";
        return Finding::warn("security", brokers, message, format!("set ssl.ca.location instead of switching the check off; {GUIDE}"));
    }
    let mechanism = value("sasl.mechanism").or_else(|| value("sasl.mechanisms")).filter(|_| protocol.starts_with("sasl"));
    let how = mechanism.map_or_else(String::new, |mechanism| format!(" with {}", mechanism.to_ascii_uppercase()));
    let place = if encrypted { "" } else { ", on this machine only" };
    Finding::ok("security", brokers, format!("{protocol}{how}{place}: let in"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn what_is_open_to_others_is_warned_about() {
        let judge = |properties: &[(&str, &str)], local| {
            let client: Vec<_> = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            judge("b", &client, local).verdict
        };
        let tls = ("security.protocol", "SSL");
        assert_eq!((judge(&[], true), judge(&[], false)), (Verdict::Ok, Verdict::Warn));
        assert_eq!(judge(&[("security.protocol", "sasl_plaintext")], false), Verdict::Warn);
        assert_eq!(judge(&[tls], false), Verdict::Ok);
        assert_eq!(judge(&[tls, ("ssl.endpoint.identification.algorithm", "none")], true), Verdict::Warn);
        assert_eq!(judge(&[tls, ("enable.ssl.certificate.verification", "false")], true), Verdict::Warn);
    }
}

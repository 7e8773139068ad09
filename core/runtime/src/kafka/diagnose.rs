//! What librdkafka writes about a connection that does not come to be, and what to do about it.
//!
//! Its codes are too coarse (`_SSL`, `_AUTHENTICATION`, `_TRANSPORT`), so its words decide. They are pinned by tests against a real broker.

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    /// Asking again gives the same answer.
    pub(crate) hopeless: bool,
    /// Nothing of the configuration is wrong; what is away may come back.
    pub(crate) passing: bool,
    pub(crate) cure: &'static str,
}

pub(crate) const CREDENTIALS: &str =
    "Check user and password (`kafka.\"sasl.username\"`, `kafka.\"sasl.password\"`) and that this user exists for this `sasl.mechanism`";

pub(crate) const BROKERS: &str =
    "Check that `brokers` is right, that a broker runs there, and that its advertised.listeners can be reached from here";

pub(crate) const TOKEN: &str = "The token endpoint gave no token: check `kafka.\"sasl.oauthbearer.token.endpoint.url\"`, \
    `sasl.oauthbearer.client.id` and `sasl.oauthbearer.client.secret`, and that the endpoint is reachable from here. If it has a certificate \
    of an authority of your own, name that in `kafka.\"https.ca.location\"`";

const fn hopeless(cure: &'static str) -> Diagnosis {
    Diagnosis { hopeless: true, passing: false, cure }
}

const fn doubtful(cure: &'static str) -> Diagnosis {
    Diagnosis { hopeless: false, passing: false, cure }
}

const fn passing(cure: &'static str) -> Diagnosis {
    Diagnosis { hopeless: false, passing: true, cure }
}

/// The first sign that the text has. Most particular first.
pub(crate) fn diagnose(text: &str) -> Option<Diagnosis> {
    let has = |sign: &str| text.contains(sign);
    Some(if has("certificate verify failed") || has("could not be verified") {
        hopeless(
            "The broker's certificate is not trusted: set `kafka.\"ssl.ca.location\"` to the PEM file of the authority that signed it; if \
             that is right, the certificate has expired or names another host than `brokers` does",
        )
    } else if has("alert bad certificate") || has("certificate required") || has("alert unknown ca") || has("alert certificate") {
        hopeless(
            "The broker wants a client certificate that it trusts: set `kafka.\"ssl.certificate.location\"` and \
             `kafka.\"ssl.key.location\"` to a certificate that its authority signed, and to its key",
        )
    } else if has("wrong version number") || has("PLAINTEXT broker listener") {
        hopeless("That port speaks no TLS: take the TLS port in `brokers`, or set `kafka.\"security.protocol\"` to what it speaks")
    } else if has("OAUTHBEARER token") || has("no token available") {
        passing(TOKEN)
    } else if has("nsupported SASL mechanism") || has("mechanism handshake failed") {
        hopeless("Choose a mechanism that the broker offers: `kafka.\"sasl.mechanism\"`")
    } else if has("SASL authentication error") || has("invalid credentials") || has("Authentication failed") {
        hopeless(CREDENTIALS)
    } else if has("SSL listener?") || has("incorrect security.protocol") {
        doubtful("The port speaks TLS or SASL, and this client does not, or the other way round: set `kafka.\"security.protocol\"`")
    } else if has("Failed to resolve") {
        doubtful("The name of the broker is not known here: correct `brokers`, or the name service")
    } else if has("Connection refused") {
        doubtful(BROKERS)
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_is_away_is_an_outage_and_wrong_credentials_are_not() {
        let away = diagnose("Failed to acquire SASL OAUTHBEARER token: Failed to retrieve token: Authentication failed");
        assert!(away.is_some_and(|found| found.passing && !found.hopeless));
        let wrong = diagnose("SASL authentication error: Authentication failed during authentication due to invalid credentials");
        assert!(wrong.is_some_and(|found| found.hopeless && found.cure == CREDENTIALS));
        assert_eq!(diagnose("Local: Timed out"), None);
    }
}

//! One secure broker for all tests of this file, and a service on it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use onceward::{AutoOffsetReset, Backoff, Builder, Consumer, Error, Event, Failure, Summary};
use onceward_tests::kafka::{self, May, On};

/// Where it listens, and where its certificates are.
pub(crate) struct Cluster {
    /// Everybody may do everything.
    pub(crate) open: String,
    /// TLS, then SASL.
    pub(crate) sasl: String,
    /// TLS with a client's certificate.
    pub(crate) mutual: String,
    home: PathBuf,
}

impl Cluster {
    /// Started by the first test that asks; kept as the shared one is.
    pub(crate) fn get() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(|| {
            let program = std::env::var("ONCEWARD_XTASK").expect("this test is started by `cargo xtask test`");
            let output = Command::new(program).args(["kafka", "start", "--secure", "--name", "secure"]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let said = String::from_utf8(output.stdout).unwrap();
            let words: Vec<&str> = said.split_whitespace().collect();
            let [open, sasl, mutual, home] = words[..] else { panic!("{said}") };
            Self { open: open.to_owned(), sasl: sasl.to_owned(), mutual: mutual.to_owned(), home: home.into() }
        })
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.home.join(name).display().to_string()
    }
}

/// What a consumer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    SeeTopic,
    ReadTopic,
    JoinGroup,
    SeeLetters,
    WriteLetters,
}

/// A topic with its dead-letter topic, a group, an inbox.
pub(crate) struct Service {
    pub(crate) cluster: &'static Cluster,
    pub(crate) topic: String,
    pub(crate) group: String,
    folder: tempfile::TempDir,
}

impl Service {
    pub(crate) fn new(name: &str) -> Self {
        crate::logs::capture();
        let cluster = Cluster::get();
        let service = Self { cluster, topic: kafka::unique(name), group: kafka::unique(name), folder: tempfile::tempdir().unwrap() };
        kafka::create(&cluster.open, &service.topic, 1, &[]);
        kafka::create(&cluster.open, &service.letters(), 1, &[("max.message.bytes", "2097152")]);
        service
    }

    pub(crate) fn letters(&self) -> String {
        format!("{}.{}.dlt", self.topic, self.group)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything that a consumer needs, save what is lacking.
    pub(crate) fn grant(&self, principal: &str, lacking: &[Right]) {
        let letters = self.letters();
        let all = [
            (Right::SeeTopic, (On::Topic, self.topic.as_str(), May::Describe)),
            // Whoever may read may see.
            (Right::ReadTopic, (On::Topic, self.topic.as_str(), May::Read)),
            (Right::JoinGroup, (On::Group, self.group.as_str(), May::Read)),
            (Right::SeeLetters, (On::Topic, letters.as_str(), May::Describe)),
            (Right::WriteLetters, (On::Topic, letters.as_str(), May::Write)),
        ];
        let granted: Vec<_> = all.into_iter().filter(|(right, _)| !lacking.contains(right)).map(|(_, granted)| granted).collect();
        kafka::grant(&self.cluster.open, principal, &granted);
    }

    pub(crate) fn builder(&self, brokers: &str) -> Builder {
        Consumer::builder()
            .brokers(brokers)
            .group(self.group.clone())
            .inbox(format!("sqlite:{}", self.folder.path().join("inbox.db").display()))
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .retry(Backoff::new().attempts(1))
            // Each right is asked for by itself here; those on ledgers have a test of their own.
            .configure(|config| config.dead_letter.get_or_insert_default().replay = Some(false))
            .kafka("ssl.ca.location", self.cluster.file("ca.pem"))
    }

    /// The SASL listener, as this user with this password.
    pub(crate) fn sasl(&self, mechanism: &str, user: &str, password: &str) -> Builder {
        self.builder(&self.cluster.sasl)
            .kafka("security.protocol", "sasl_ssl")
            .kafka("sasl.mechanism", mechanism)
            .kafka("sasl.username", user)
            .kafka("sasl.password", password)
    }

    /// The SASL listener, with tokens from the endpoint at this URL.
    pub(crate) fn oidc(&self, url: String) -> Builder {
        self.builder(&self.cluster.sasl)
            .kafka("security.protocol", "sasl_ssl")
            .kafka("sasl.mechanism", "OAUTHBEARER")
            .kafka("sasl.oauthbearer.method", "oidc")
            .kafka("sasl.oauthbearer.token.endpoint.url", url)
            .kafka("sasl.oauthbearer.client.id", crate::token::CLIENT)
            .kafka("sasl.oauthbearer.client.secret", crate::token::SECRET)
    }

    /// Runs to the end of the topic. The handler fails on `poison`.
    pub(crate) fn run(&self, builder: Builder) -> Result<Summary, Error> {
        let app = builder.build().unwrap().on(self.topic.clone(), |event: Event| async move {
            if event.value() == Some(b"poison") { Err(Failure::reject("as asked")) } else { Ok(()) }
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime
            .block_on(async { tokio::time::timeout(kafka::PATIENCE, app.run_until_end(std::future::pending())).await.expect("it hangs") })
    }

    /// The error of a run that must not succeed.
    pub(crate) fn refusal(&self, builder: Builder) -> String {
        let error = self.run(builder).expect_err("it was let in");
        assert!(matches!(error, Error::Broker { .. }), "{error}");
        error.to_string()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The broker is kept between runs; what a test leaves in it would be there for ever.
        if !std::thread::panicking() {
            kafka::delete(&self.cluster.open, &self.letters());
            kafka::delete(&self.cluster.open, &self.topic);
        }
    }
}

//! Opening: who makes the tables, what is refused, what TLS believes.

use std::process::Command;

use super::rig::{Rig, id, name, postgres};
use super::server::{Server, shared};

#[test]
fn processes_that_start_together_make_the_tables_once() {
    let database = shared().database();
    let mut settings = postgres(&database.url());
    settings.setup_sql = vec!["CREATE TABLE IF NOT EXISTS t(k int PRIMARY KEY)".to_owned()];
    std::thread::scope(|scope| {
        for start in 0..8_u64 {
            let settings = settings.clone();
            scope.spawn(move || Rig::postgres(settings).keep([start]));
        }
    });
    assert_eq!(database.sql("SELECT count(*) FROM onceward_mark"), "8");
}

#[test]
fn tables_that_were_made_by_hand_are_used_and_newer_ones_are_refused() {
    let database = shared().database();
    database.sql(&onceward::inbox::postgres_ddl());
    database.sql("CREATE ROLE modest LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO modest");
    let url = database.url().replace("onceward:hunter2", "modest:hunter2");
    let mut rig = Rig::postgres(postgres(&url));
    rig.catch_up(1, &name(1));
    rig.keep([1]);
    rig.close();
    database.sql("UPDATE onceward_meta SET value = '7' WHERE key = 'version'");
    let error = Rig::try_postgres(postgres(&url)).err().unwrap().to_string();
    assert!(error.contains("written by a newer Onceward (inbox version 7, this one knows 1)") && !error.contains("hunter2"), "{error}");
}

#[test]
fn what_is_wrong_with_the_address_is_named_without_its_password() {
    let database = shared().database();
    let right = database.url();
    for (url, hint) in [
        (right.replace(&database.name, "nowhere"), "Create the database"),
        (right.replace("onceward:", "nobody:"), "nobody"),
        (right.replace(&database.server.port().to_string(), "1"), "Check that the server runs"),
        (format!("{right}?sslmode=require"), "TLS"),
        (format!("{right}?sslmode=verify-full&sslrootcert=/nowhere.pem"), "/nowhere.pem"),
    ] {
        let error = Rig::try_postgres(postgres(&url)).err().unwrap().to_string();
        assert!(error.contains(hint) && error.contains("postgres://127.0.0.1:") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn setup_and_migrations_run_once_and_say_what_fails() {
    let database = shared().database();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, sql: &str| std::fs::write(folder.path().join(name), sql).unwrap();
    file("001_accounts.sql", "CREATE TABLE account(id text PRIMARY KEY, balance bigint NOT NULL); INSERT INTO account VALUES ('a', 1);");
    file("002_function.sql", "CREATE FUNCTION twice(n bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN n * 2; END; $$;");
    let mut settings = postgres(&database.url());
    settings.migrations = Some(folder.path().to_owned());
    settings.setup_sql = vec!["INSERT INTO account SELECT 'b', twice(2) ON CONFLICT DO NOTHING".to_owned()];
    Rig::postgres(settings.clone()).close();
    Rig::postgres(settings.clone()).close();
    assert_eq!(database.sql("SELECT string_agg(id || balance, ' ' ORDER BY id) FROM account"), "a1 b4");
    let refused = |settings: &onceward::inbox::PostgresSettings, hint: &str| {
        let error = Rig::try_postgres(settings.clone()).err().unwrap().to_string();
        assert!(error.contains(hint), "{error}");
    };
    file("003_wrong.sql", "CREATE TABLE half(k int); CREATE TABL other(k int);");
    refused(&settings, "003_wrong.sql: syntax error");
    file("003_wrong.sql", "COMMIT; CREATE TABLE half(k int)");
    refused(&settings, "a migration may not begin or end transactions");
    std::fs::remove_file(folder.path().join("003_wrong.sql")).unwrap();
    assert_eq!(database.sql("SELECT to_regclass('half') IS NULL"), "t");
    file("001_accounts.sql", "CREATE TABLE account(id text)");
    refused(&settings, "was changed since");
    settings.migrations = None;
    settings.setup_sql.push("CREATE TABL x(k int)".to_owned());
    refused(&settings, "setup_sql[1] failed: syntax error");
}

#[test]
fn tls_believes_whom_the_address_says() {
    let mut server = Server::start();
    let data = server.data();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "server.crt"])
        .current_dir(&data)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&data).unwrap());
    for file in ["server.key", "server.crt"] {
        std::os::unix::fs::chown(data.join(file), Some(owner), None).unwrap();
    }
    server.psql("postgres", "ALTER SYSTEM SET ssl = on");
    std::fs::write(data.join("pg_hba.conf"), "local all all trust\nhostssl all all all trust\n").unwrap();
    server.kill();
    server.again();
    let root = data.join("server.crt").display().to_string();
    let stranger = tempfile::tempdir().unwrap();
    let file = stranger.path().join("ca.pem").display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "/dev/null", "-out", &file])
        .output()
        .unwrap();
    assert!(made.status.success());
    let url = |host: &str, options: &str| format!("postgres://onceward:hunter2@{host}:{}/postgres?{options}", server.port());
    for options in ["", "sslmode=require", &format!("sslmode=verify-full&sslrootcert={root}")] {
        let mut rig = Rig::postgres(postgres(&url("localhost", options)));
        rig.keep([options.len() as u64]);
        assert!(rig.seen(id(options.len() as u64)).is_some());
    }
    // The name is not what the certificate says; with verify-ca that is nobody's business.
    Rig::postgres(postgres(&url("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={root}")))).close();
    for (host, options) in [
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={root}")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={file}")),
        ("localhost", "sslmode=verify-full".to_owned()),
        ("localhost", "sslmode=disable".to_owned()),
    ] {
        let error = Rig::try_postgres(postgres(&url(host, &options))).err();
        assert!(error.is_some_and(|error| !error.to_string().contains("hunter2")), "{host} {options}");
    }
}

//! The steps.

use std::process::{Command, ExitCode};

use clap::Args;

use super::report::Report;
use super::{kotlin, node, python, sdist, suite};
use crate::failure::Outcome;
use crate::place::Place;
use crate::registry::{self, Registry};
use crate::{flights, kafka, prerequisites, process, tidy, tools};

/// What to test.
#[derive(Args)]
pub(crate) struct Options {
    /// Start with a broker without history, instead of the one that runs.
    #[arg(long)]
    fresh: bool,
    /// Only tests whose names contain one of these; formatting, lints and the other checks are left out then.
    filters: Vec<String>,
}

/// What to do with the Python package.
#[derive(Args)]
pub(crate) struct PythonOptions {
    /// Only build the wheel; it is in `target/python/wheels`.
    #[arg(long)]
    wheel: bool,
    /// Also build a wheel from the source distribution, which takes minutes.
    #[arg(long)]
    sdist: bool,
    /// Only tests whose names contain one of these.
    filters: Vec<String>,
}

/// The Python package alone, with the broker that `ONCEWARD_TEST_BROKERS` names, or with ours.
pub(crate) fn python_only(place: &Place, options: &PythonOptions) -> Outcome<ExitCode> {
    let mut report = Report::default();
    if report.step("the Python package", || python::wheel(place, "ci")) && !options.wheel {
        if options.filters.is_empty() {
            report.step("types of the Python package", || python::types(place));
            report.step("its source distribution", || sdist::check(place, options.sdist));
        }
        // A broker that somebody names is used as it is.
        let environment = match std::env::var_os("ONCEWARD_TEST_BROKERS") {
            Some(_) => Vec::new(),
            None => kafka::environment(place, &kafka::start(place, kafka::SHARED, false)?)?,
        };
        report.suite("tests of the Python package", || python::tests(place, &environment, &options.filters));
    }
    Ok(report.close())
}

/// Runs them. What can't be had (a prerequisite, the broker) ends the run; what is merely wrong is counted and the run goes on.
pub(crate) fn run(place: &Place, options: &Options) -> Outcome<ExitCode> {
    let mut report = Report::default();
    let ready = report.step("prerequisites", prerequisites::ensure)
        && report.step("broker jars", || kafka::fetch(place).map(|folder| folder.display().to_string()))
        && report.step("a schema registry's jars", || registry::fetch(place).map(|folder| folder.display().to_string()))
        && report.step("flights of 2013", || flights::fetch(place).map(|file| file.display().to_string()));
    if ready {
        if options.filters.is_empty() {
            checks(place, &mut report);
        }
        tests(place, options, &mut report)?;
    }
    Ok(report.close())
}

fn checks(place: &Place, report: &mut Report) {
    report.step("format", || cargo(place, &["fmt", "--all", "--", "--check"]));
    report.step("house rules", || tidy::check(place));
    report.step("flights in step with their source", || flights::check(place));
    report.step("dependencies", || tools::deny(place));
    report.step("lints", || {
        cargo(place, &["clippy", "--quiet", "--profile", "ci", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
    });
}

fn tests(place: &Place, options: &Options, report: &mut Report) -> Outcome<()> {
    // Built before the broker starts: the compiler wants the memory.
    if !report.step("build", || cargo(place, &["test", "--no-run", "--quiet", "--profile", "ci", "--workspace", "--locked"])) {
        return Ok(());
    }
    // It starts while the packages are built, and ends with this function.
    let registry = Registry::start(place);
    let wheel = report.step("the Python package", || python::wheel(place, "ci"));
    let packages = report.step("the npm packages", || node::packages(place, "ci"));
    let jars = report.step("the Maven modules", || kotlin::jars(place, "ci"));
    let mut environment = Vec::new();
    let started = report.step("a real Kafka", || {
        if options.fresh {
            kafka::stop(place, kafka::SHARED, false)?;
            kafka::wipe(place, kafka::SHARED)?;
        }
        let broker = kafka::start(place, kafka::SHARED, false)?;
        environment = kafka::environment(place, &broker)?;
        Ok(broker.address())
    });
    let mut real = None;
    let registered = report.step("a real schema registry", || {
        let mut registry = registry?;
        let url = registry.wait()?;
        environment.push(("ONCEWARD_TEST_REGISTRY", url.clone()));
        real = Some(registry);
        Ok(url)
    });
    if started && registered {
        report.suite("tests", || suite::run(place, &environment, &options.filters));
        if wheel {
            if options.filters.is_empty() {
                report.step("types of the Python package", || python::types(place));
                // On a CI machine it is built, too: there nobody waits for it.
                report
                    .step("its source distribution", || sdist::check(place, std::env::var_os("CI").is_some_and(|value| !value.is_empty())));
            }
            report.suite("tests of the Python package", || python::tests(place, &environment, &options.filters));
        }
        if packages {
            if options.filters.is_empty() {
                report.step("checks of the npm packages", || node::checks(place));
            }
            report.suite("tests of the npm packages", || node::tests(place, &environment, &options.filters));
        }
        if jars {
            report.suite("tests of the Maven modules", || kotlin::tests(place, &environment, &options.filters));
            if options.filters.is_empty() {
                report.step("services against the installed jars", || kotlin::examples(place, &environment));
            }
        }
        // On a machine of one's own the broker is kept for the next run; a CI machine is left as it was found.
        if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
            kafka::stop(place, kafka::SHARED, false)?;
            kafka::stop(place, kafka::SECURE, false)?;
        }
    }
    Ok(())
}

fn cargo(place: &Place, arguments: &[&str]) -> Outcome<String> {
    process::quiet(Command::new("cargo").current_dir(&place.root).args(arguments)).map(|_| "clean".to_owned())
}

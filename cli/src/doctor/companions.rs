//! The dead-letter topics and ledgers: there, and large enough.

use std::time::Duration;

use onceward::config::Settings;
use onceward::letter::rights::missing;
use onceward::letter::topics::plan;

use super::finding::{Diagnosis, Finding};
use crate::commands::topics::ask;

pub(super) fn examine(settings: &Settings, sources: &[String], timeout: Duration, diagnosis: &mut Diagnosis) {
    for source in sources {
        // One by one: a source that is missing must not hide what is wrong with the companions of the others.
        match ask(settings, std::slice::from_ref(source), timeout, plan) {
            Ok(plan) => {
                lacking(settings, source, timeout, diagnosis);
                for companion in plan.companions {
                    if companion.problems.is_empty() && companion.exists {
                        diagnosis.add(Finding::ok(
                            "companion",
                            companion.name,
                            format!("{} partitions, fits {source}", companion.partitions),
                        ));
                    } else if companion.problems.is_empty() {
                        let message = format!("is missing beside {source}");
                        diagnosis.add(if settings.create_topics {
                            Finding::ok("companion", companion.name, format!("{message}; create_topics = true makes it at start"))
                        } else {
                            Finding::fail("companion", companion.name, message, "run `onceward topics apply`, or set create_topics = true")
                        });
                    } else {
                        for problem in companion.problems {
                            let problem = problem.to_string();
                            let (message, cure) = problem.split_once("; ").unwrap_or((&problem, "see `onceward topics plan`"));
                            diagnosis.add(Finding::fail("companion", companion.name.as_str(), message, cure));
                        }
                    }
                }
            }
            // That the source does not exist was found before.
            Err(onceward::Error::Topics(_)) => {}
            Err(onceward::Error::Broker { what, cause, cure }) => {
                diagnosis.add(Finding::fail("companion", source.as_str(), format!("{what}: {cause}"), cure));
            }
            Err(error) => diagnosis.add(Finding::fail("companion", source.as_str(), error.to_string(), "see the message")),
        }
    }
}

/// What this user may not do. Without it the first dead letter would be the one to find out.
fn lacking(settings: &Settings, source: &str, timeout: Duration, diagnosis: &mut Diagnosis) {
    match ask(settings, &[source.to_owned()], timeout, missing) {
        Ok(lacking) => {
            for right in lacking {
                diagnosis.add(Finding::fail("rights", right.topic, format!("this user may not {} it", right.what), right.cure));
            }
        }
        Err(error) => diagnosis.add(Finding::warn("rights", source, error.to_string(), "rights were not checked")),
    }
}

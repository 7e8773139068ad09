//! The inbox: whether it opens, without making or changing anything.

use onceward::config::{InboxPlace, Settings};

use super::finding::{Diagnosis, Finding};

pub(super) fn examine(settings: &Settings, diagnosis: &mut Diagnosis) {
    match &settings.inbox {
        InboxPlace::Memory => {
            let cure = "write inbox = \"sqlite:PATH\" outside of tests";
            diagnosis.add(Finding::warn(
                "inbox",
                "memory",
                "forgets everything at exit: events may be handled again after a restart",
                cure,
            ));
        }
        InboxPlace::Sqlite(path) => diagnosis.add(Finding::ok("inbox", path.display().to_string(), "TODO")),
    }
}

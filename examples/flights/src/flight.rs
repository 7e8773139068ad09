//! One departure from New York.

use serde::{Deserialize, Serialize};

/// One scheduled departure. As JSON it is the value of its event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// `YYYY-MM-DD/CARRIERFLIGHT/ORIGIN`: unique over the year, and the event id.
    pub id: String,
    /// `YYYY-MM-DD`.
    pub day: String,
    /// Two letters or a letter and a digit, as in UA.
    pub carrier: String,
    /// The flight's number, as in 1545.
    pub flight: u32,
    /// The aircraft; `None` where the airline did not say.
    pub tailnum: Option<String>,
    /// From where.
    pub origin: String,
    /// To where.
    pub dest: String,
    /// How far.
    pub miles: u32,
    /// When it should have left, local time, 1545 for 15:45.
    pub sched: u16,
    /// When it left; `None` when it was cancelled.
    pub dep: Option<u16>,
}

impl Flight {
    /// Whether it never left: a handler that needs the departure time can only fail.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.dep.is_none()
    }

    /// One aircraft's day, the business flow that its flights belong to. Flights of unknown aircraft share one a day.
    #[must_use]
    pub fn correlation_id(&self) -> String {
        format!("{}-{}", self.tailnum.as_deref().unwrap_or("unknown"), self.day)
    }
}

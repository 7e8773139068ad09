//! The consumer group: whether this consumer could join it.

use onceward::config::Settings;
use rdkafka::error::RDKafkaErrorCode;

use super::cluster::Cluster;
use super::finding::{Diagnosis, Finding};

const ASSIGNOR: &str = "cooperative-sticky";

pub(super) fn examine(cluster: &Cluster, settings: &Settings, diagnosis: &mut Diagnosis) {
    let name = settings.group.as_str();
    let list = match cluster.group(name) {
        Ok(list) => list,
        Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
            return diagnosis.add(Finding::fail("group", name, "this user may not use it", "give this user READ on the consumer group"));
        }
        Err(error) => {
            let cure = format!(
                "whether another assignor is in use was not checked; is there a group coordinator? (asked for {} s)",
                cluster.timeout().as_secs()
            );
            return diagnosis.add(Finding::warn("group", name, format!("can't be described: {error}"), cure));
        }
    };
    let Some(group) = list.groups().iter().find(|group| group.name() == name) else {
        return diagnosis.add(Finding::ok("group", name, format!("new: starts at auto_offset_reset ({})", reset(settings))));
    };
    let members = group.members().len();
    if members == 0 {
        return diagnosis.add(Finding::ok("group", name, "nobody is in it now"));
    }
    let plural = if members == 1 { "" } else { "s" };
    if group.protocol_type() != "consumer" && !group.protocol_type().is_empty() {
        let message = format!("is in use by {members} member{plural} of another kind ({})", group.protocol_type());
        return diagnosis.add(Finding::fail("group", name, message, "choose a group name of its own"));
    }
    diagnosis.add(if group.protocol() == ASSIGNOR || group.protocol().is_empty() {
        Finding::ok("group", name, format!("{members} member{plural}, state {}", group.state()))
    } else {
        let message = format!("{members} member{plural} with the assignor {:?}; Onceward joins with {ASSIGNOR:?}", group.protocol());
        Finding::fail("group", name, message, "stop those consumers first, or choose a group name of its own")
    });
}

fn reset(settings: &Settings) -> &'static str {
    match settings.auto_offset_reset {
        onceward::kafka::OffsetReset::Earliest => "earliest",
        onceward::kafka::OffsetReset::Latest => "latest",
        onceward::kafka::OffsetReset::Error => "error",
    }
}

//! Which start of the machine this is.

/// An id that changes when the machine is started again; zero where the system has none, and then every death counts.
pub(super) fn boot_id() -> [u64; 2] {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| of(&text)).unwrap_or_default()
}

fn of(text: &str) -> [u64; 2] {
    uuid::Uuid::try_parse(text.trim()).map(|id| id.as_u64_pair()).map(|(high, low)| [high, low]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_stays_while_the_machine_runs_and_nonsense_is_none() {
        assert_eq!(super::boot_id(), super::boot_id());
        assert_eq!(super::of("no id"), [0, 0]);
        assert_ne!(super::of("6c1e2d6c-8f0b-4a2f-9a54-1a3a1f0a0b0c\n"), [0, 0]);
    }
}

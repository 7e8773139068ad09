//! Where in a configuration: `topics.orders.retry.first`.

/// The path of a field below another, with names quoted as in TOML where they need it.
pub(super) fn join(parent: &str, name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    // `{:?}` also makes control characters visible: names come from files that we have no reason to trust.
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if parent.is_empty() { name } else { format!("{parent}.{name}") }
}

/// The path of an element of a list.
pub(super) fn index(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// Whether a path is another one or lies below it.
pub(super) fn within(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The path of a topic's table, or of a pattern's.
pub(crate) fn topic(name: &str) -> String {
    join("topics", name)
}

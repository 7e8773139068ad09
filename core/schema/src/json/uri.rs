//! As much of RFC 3986 as references between schemas need. Nothing is ever fetched: an address is a name.

/// `reference` as seen from `base`, without a fragment.
pub(super) fn join(base: &str, reference: &str) -> String {
    if reference.is_empty() {
        return base.to_owned();
    }
    if has_scheme(reference) {
        return reference.to_owned();
    }
    let (origin, path) = split(base);
    if let Some(rest) = reference.strip_prefix("//") {
        let scheme = origin.split("//").next().unwrap_or_default();
        return format!("{scheme}//{rest}");
    }
    let path = match reference.strip_prefix('/') {
        Some(absolute) => format!("/{absolute}"),
        None => format!("{}{reference}", folder(origin, path)),
    };
    format!("{origin}{}", without_dots(&path))
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// `https://host` and `/the/path`.
fn split(base: &str) -> (&str, &str) {
    let Some(start) = base.find("://") else { return ("", base) };
    let end = base[start + 3..].find('/').map_or(base.len(), |slash| start + 3 + slash);
    base.split_at(end)
}

fn folder(origin: &str, path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/"),
        None if origin.is_empty() => String::new(),
        None => "/".to_owned(),
    }
}

fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.len() > 1 || parts.first().is_some_and(|first| !first.is_empty()) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// `%7E1` and the like in a fragment.
pub(super) fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, more) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{decoded, join};

    #[test]
    fn references_are_seen_from_where_they_stand() {
        assert_eq!(join("https://a.example/s/order.json", "line.json"), "https://a.example/s/line.json");
        assert_eq!(join("https://a.example/s/order.json", "/line.json"), "https://a.example/line.json");
        assert_eq!(join("https://a.example/s/order.json", "../line.json"), "https://a.example/line.json");
        assert_eq!(join("https://a.example/order.json", "urn:line"), "urn:line");
        assert_eq!(join("", "line.json"), "line.json");
        assert_eq!(join("order.json", ""), "order.json");
        assert_eq!(join("https://a.example", "line.json"), "https://a.example/line.json");
        assert_eq!(decoded("/a%20b/%7e1%"), "/a b/~1%");
    }
}

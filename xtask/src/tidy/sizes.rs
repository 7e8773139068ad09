//! One idea per file: the median stays small, and no file grows without end.

use super::files::Source;

const EXTENSIONS: [&str; 6] = ["rs", "py", "ts", "js", "mjs", "kt"];
const MEDIAN: usize = 150;
const LIMIT: usize = 500;

/// Complains about long files and a high median; says what the sizes are.
pub(super) fn check(files: &[Source], complaints: &mut Vec<String>) -> String {
    let mut sizes: Vec<_> = files.iter().filter(|file| is_code(&file.path)).map(|file| (file.text.lines().count(), &file.path)).collect();
    for (lines, path) in sizes.iter().filter(|(lines, _)| *lines > LIMIT) {
        complaints.push(format!("{path}: {lines} lines; no file has more than {LIMIT}, split it by idea"));
    }
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).map_or(0, |(lines, _)| *lines);
    if median > MEDIAN {
        complaints.push(format!("the median file has {median} lines; it should have at most {MEDIAN}"));
    }
    let (longest, path) = sizes.last().map_or((0, ""), |(lines, path)| (*lines, path.as_str()));
    format!("{} files, median {median} lines, longest {longest} ({path})", sizes.len())
}

fn is_code(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::{Source, check};

    fn file(path: &str, lines: usize) -> Source {
        Source { path: path.to_owned(), text: "x\n".repeat(lines) }
    }

    #[test]
    fn a_long_file_is_named() {
        let mut complaints = Vec::new();
        check(&[file("a.rs", 10), file("b.rs", 501), file("c.rs", 20), file("data.csv", 9999)], &mut complaints);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints.iter().all(|complaint| complaint.starts_with("b.rs: 501 lines")), "{complaints:?}");
    }

    #[test]
    fn many_middling_files_raise_the_median() {
        let mut complaints = Vec::new();
        check(&[file("a.rs", 151), file("b.rs", 200), file("c.rs", 2)], &mut complaints);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
    }
}

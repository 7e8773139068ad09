//! Programs of others: started, waited for, and quoted when they fail.

use std::process::{Command, Output, Stdio};

use crate::failure::{Doing as _, Failure, Outcome};

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs it with its output on our terminal; whether it succeeded.
pub(crate) fn watched(command: &mut Command) -> Outcome<bool> {
    let status = command.status().doing(format_args!("start `{}`", shown(command)))?;
    Ok(status.success())
}

/// Runs it silently; its output, or a failure that quotes what it said last.
pub(crate) fn quiet(command: &mut Command) -> Outcome<Output> {
    let output = command.stdin(Stdio::null()).output().doing(format_args!("start `{}`", shown(command)))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<_> = said.lines().collect();
    let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n  ");
    Err(Failure::new(format!("`{}` failed ({}):\n  {last}", shown(command), output.status)))
}

/// Whether it starts and succeeds; nothing is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

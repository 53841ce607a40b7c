//! What the command prints. Results go to standard output, progress and errors to standard error.

pub(crate) mod progress;
pub(crate) mod quarantine;
pub(crate) mod report;
pub(crate) mod status;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod trace;
pub(crate) mod verified;

use std::io::{ErrorKind, Write};
use std::process::exit;

/// Tells a person what happens, on standard error.
pub(crate) fn note(text: &str) {
    text.lines().for_each(|line| drop(writeln!(anstream::stderr(), "{}", plain(line))));
}

/// A text as one line: what would begin another one, steer a terminal, or show letters in another order is escaped. It may come
/// from records.
pub(crate) fn plain(text: &str) -> String {
    let is_unseen = |char: char| {
        let formats = [
            '\u{61c}'..='\u{61c}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{feff}'..='\u{feff}',
        ];
        char.is_control() || formats.iter().any(|range| range.contains(&char))
    };
    let escaped = |char: char| match is_unseen(char) {
        true => char.escape_default().to_string(),
        false => char.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Writes a line to standard output. Where nobody reads it any more (`domicile … | head`), the command goes on without
/// it: its exit code still counts. A result that cannot be written for another reason is a failure.
pub(crate) fn line(text: &str) {
    is_written(&(plain(text) + "\n"));
}

/// Writes text to standard output: `false` where nobody reads it any more, for whoever would go on for ever.
pub(crate) fn is_written(text: &str) -> bool {
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(anstream::stderr(), "error: the result cannot be written: {error}");
            exit(1);
        }
        written => written.is_ok(),
    }
}

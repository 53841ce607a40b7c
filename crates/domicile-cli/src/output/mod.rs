//! What the command prints. Results go to standard output, progress and errors to standard error.

pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod summary;
pub(crate) mod table;

use std::io::Write;
use std::process::exit;

/// Writes a line to standard output. Where nobody reads it any more (`domicile … | head`), the command ends quietly.
pub(crate) fn line(text: &str) {
    if writeln!(anstream::stdout(), "{text}").is_err() {
        exit(0);
    }
}

//! Errors for people, and results for machines.

use std::io::{IsTerminal, Write};

use domicile_pipeline::{Error, Problems};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use super::{is_written, note};
use crate::command::Ended;

/// Prints a result as JSON.
pub(crate) fn json(result: &impl Serialize) {
    is_written(&(serde_json::to_string_pretty(result).expect("results are plain data") + "\n"));
}

/// Prints a result as JSON in one line, where there will be more of them.
pub(crate) fn json_line(result: &impl Serialize) {
    is_written(&(serde_json::to_string(result).expect("results are plain data") + "\n"));
}

/// Prints an error, and says how the command ends with it.
pub(crate) fn error(error: &Error, json: bool) -> Ended {
    if let Some(found) = error.problems() {
        return problems(found, json);
    }
    if json {
        error_json(error, false);
    }
    failure(&error.to_string());
    Ended::from(error)
}

/// The same in one line of JSON, where there will be more of them.
pub(crate) fn error_line(error: &Error, json: bool) -> Ended {
    if json {
        error_json(error, true);
    }
    self::error(error, false)
}

/// Prints an error as JSON.
pub(crate) fn error_json(error: &Error, is_one_of_many: bool) {
    let json = match error.problems() {
        Some(problems) => serde_json::json!({ "problems": problems }),
        None => serde_json::json!({ "error": error.to_string() }),
    };
    if is_one_of_many { json_line(&json) } else { self::json(&json) }
}

/// Prints what failed.
pub(crate) fn failure(message: &str) -> Ended {
    note(&format!("error: {message}"));
    Ended::Failed
}

/// Prints all problems of a configuration, and says how the command ends with them.
pub(crate) fn problems(problems: &Problems, json: bool) -> Ended {
    print_problems(problems, json);
    Ended::from(problems)
}

/// Prints problems: drawn into the file on a terminal, a line each elsewhere.
pub(crate) fn print_problems(problems: &Problems, json: bool) {
    if json {
        self::json(&serde_json::json!({ "problems": problems }));
        return;
    }
    if !std::io::stderr().is_terminal() {
        note(&problems.to_string());
        return;
    }
    let mut stderr = anstream::stderr();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode());
    for problem in problems.iter() {
        let mut drawn = String::new();
        let drawn = handler.render_report(&mut drawn, problem).map(|()| drawn);
        let _ = writeln!(stderr, "{}", drawn.unwrap_or_else(|_| problem.to_string()));
    }
}

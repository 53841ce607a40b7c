//! Errors for people, and results for machines.

use std::io::{IsTerminal, Write};

use domicile_pipeline::{Error, Problems};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use super::line;
use crate::command::Ended;

/// Prints a result as JSON.
pub(crate) fn json(result: &impl Serialize) {
    line(&serde_json::to_string_pretty(result).expect("results are plain data"));
}

/// Prints a result as JSON in one line, where there will be more of them.
pub(crate) fn json_line(result: &impl Serialize) {
    line(&serde_json::to_string(result).expect("results are plain data"));
}

/// Prints an error, and says how the command ends with it.
pub(crate) fn error(error: &Error, json: bool) -> Ended {
    if let Some(found) = error.problems() {
        return problems(found, json);
    }
    if json {
        self::json(&serde_json::json!({ "error": error.to_string() }));
    }
    let failed = failure(&error.to_string());
    match (error.is_usage(), error.is_under_way()) {
        (true, _) => Ended::Wrong,
        (_, true) => Ended::UnderWay,
        _ => failed,
    }
}

/// The same in one line of JSON, where there will be more of them.
pub(crate) fn error_line(error: &Error, json: bool) -> Ended {
    if json {
        match error.problems() {
            Some(problems) => json_line(&serde_json::json!({ "problems": problems })),
            None => json_line(&serde_json::json!({ "error": error.to_string() })),
        }
    }
    self::error(error, false)
}

/// Prints what failed.
pub(crate) fn failure(message: &str) -> Ended {
    let _ = writeln!(anstream::stderr(), "error: {message}");
    Ended::Failed
}

/// Prints all problems of a configuration, and says how the command ends with them.
pub(crate) fn problems(problems: &Problems, json: bool) -> Ended {
    print_problems(problems, json);
    if problems.has_wrong_settings() { Ended::Wrong } else { Ended::Failed }
}

/// Prints problems: drawn into the file on a terminal, a line each elsewhere.
pub(crate) fn print_problems(problems: &Problems, json: bool) {
    if json {
        self::json(&serde_json::json!({ "problems": problems }));
        return;
    }
    let mut stderr = anstream::stderr();
    if !std::io::stderr().is_terminal() {
        let _ = writeln!(stderr, "{problems}");
        return;
    }
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode());
    for problem in problems.iter() {
        let mut drawn = String::new();
        let drawn = handler.render_report(&mut drawn, problem).map(|()| drawn);
        let _ = writeln!(stderr, "{}", drawn.unwrap_or_else(|_| problem.to_string()));
    }
}

//! `domicile status`

use std::io::IsTerminal;
use std::time::Duration;

use domicile_pipeline::{Config, Error, Pipeline, Status};

use super::signal::Signals;
use super::{Ended, block_on};
use crate::cli;
use crate::output::{is_written, report, status as output};

/// Databases that are files are read on threads of their own.
const THREADS: usize = 16;

pub(crate) fn status(arguments: &cli::Status) -> Ended {
    let json = arguments.configured.json;
    match Config::load(&arguments.configured.config).map(Pipeline::new) {
        Ok(pipeline) => block_on(THREADS, looked(&pipeline, arguments)),
        Err(problems) => Err(Error::from(problems)),
    }
    .unwrap_or_else(|error| report::error(&error, json))
}

async fn looked(pipeline: &Pipeline, arguments: &cli::Status) -> Result<Ended, Error> {
    if let Some(seconds) = arguments.watch {
        return watch(pipeline, arguments, Duration::from_secs(seconds)).await;
    }
    let status = pipeline.status(&arguments.home, &arguments.source).await?;
    if arguments.configured.json {
        report::json(&status);
    } else {
        is_written(&output::text(&status));
    }
    let is_late = status.lags_by_more_than(arguments.max_lag_rows, arguments.max_lag_seconds);
    Ok(if status.is_well() && !is_late { Ended::Done } else { Ended::Failed })
}

/// Looks again and again, until it is stopped or nobody reads it any more.
async fn watch(pipeline: &Pipeline, arguments: &cli::Status, pause: Duration) -> Result<Ended, Error> {
    let mut signals = Signals::of_stopping();
    let looking = async {
        loop {
            let status = pipeline.status(&arguments.home, &arguments.source).await?;
            if !is_written(&shown(&status, arguments.configured.json)) {
                return Ok(Ended::Done);
            }
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        ended = looking => ended,
        () = signals.stop() => Ok(Ended::Done),
    }
}

/// One look of several.
fn shown(status: &Status, json: bool) -> String {
    /// Wipes a terminal.
    const ANEW: &str = "\x1b[2J\x1b[H";
    if json {
        return format!("{}\n", serde_json::to_string(status).expect("results are plain data"));
    }
    let is_drawn = std::io::stdout().is_terminal();
    let (begin, end) = if is_drawn { (ANEW, "") } else { ("", "\n") };
    format!("{begin}{}\n{}{end}", status.at, output::text(status))
}

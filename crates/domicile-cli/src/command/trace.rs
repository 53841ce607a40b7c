//! `domicile trace`

use domicile_pipeline::{Config, Error, Pipeline};

use super::{Ended, block_on};
use crate::cli;
use crate::output::{is_written, report, trace as output};

/// Databases that are files are read on threads of their own.
const THREADS: usize = 16;

pub(crate) fn trace(arguments: &cli::Trace) -> Ended {
    traced(arguments).unwrap_or_else(|error| report::error(&error, arguments.json))
}

fn traced(arguments: &cli::Trace) -> Result<Ended, Error> {
    let pipeline = Pipeline::new(Config::load(&arguments.config)?);
    let trace = block_on(THREADS, pipeline.trace(arguments.source.as_deref(), &arguments.key))?;
    if arguments.json {
        report::json(&trace);
    } else {
        is_written(&output::text(&trace));
    }
    Ok(if trace.is_settled() { Ended::Done } else { Ended::Failed })
}

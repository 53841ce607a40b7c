//! `domicile verify`

use domicile_pipeline::{Config, Error, Pipeline, Verification, Verified};

use super::{Ended, block_on};
use crate::cli::Verify;
use crate::output::{report, verified};

/// Four homes are read at a time, each on one thread, while what was read is worked on by another.
const THREADS: usize = 8;

pub(crate) fn verify(arguments: &Verify) -> Ended {
    let json = arguments.configured.json;
    match compared(arguments) {
        Ok(found) => {
            if json {
                report::json(&verified::json(&found));
            } else {
                verified::print(&found);
            }
            if found.is_proved() { Ended::Done } else { Ended::Failed }
        }
        Err(error) => report::error(&error, json),
    }
}

fn compared(arguments: &Verify) -> Result<Verified, Error> {
    let pipeline = Pipeline::new(Config::load(&arguments.configured.config)?);
    let what = Verification { homes: arguments.home.clone(), sources: arguments.source.clone() };
    block_on(THREADS, pipeline.verify(&what))
}

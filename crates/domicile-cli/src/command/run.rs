//! `domicile run`

use std::sync::Arc;

use domicile_pipeline::{Config, Error, Pipeline, Report};

use super::{Ended, block_on};
use crate::cli::Configured;
use crate::output::{progress::Progress, report, summary};

pub(crate) fn run(arguments: &Configured) -> Ended {
    match sync(arguments) {
        Ok(done) => {
            if arguments.json {
                report::json(&done);
            } else {
                summary::print(&done);
            }
            Ended::from(&done)
        }
        Err(error) => report::error(&error, arguments.json),
    }
}

/// One run of a configuration, with progress on standard error.
pub(super) fn sync(arguments: &Configured) -> Result<Report, Error> {
    let config = Config::load(&arguments.config)?;
    let progress = Arc::new(Progress::new());
    // One batch is read and one is located while homes are delivered to.
    let threads = config.delivery.parallel + 2;
    let done = block_on(threads, Pipeline::new(config).run(Arc::clone(&progress) as Arc<_>));
    progress.finish();
    done
}

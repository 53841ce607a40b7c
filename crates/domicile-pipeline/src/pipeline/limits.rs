//! How much of everything there may be at once in a run.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{BATCHES_IN_MEMORY, Pipeline};
use crate::batch::BatchLimit;
use crate::control::Kept;
use crate::deliver::Limits;
use crate::lease::Holding;
use crate::overlap::InAll;

/// Bytes of records that all homes together gather before they deliver them.
const GATHERED_BYTES: usize = 16 * 1_024 * 1_024;

/// Rows of partial aggregates that all homes together keep in memory for a table, between two commits.
const AGGREGATE_ROWS_IN_MEMORY: usize = 204_800;

/// Homes beyond `delivery.open_homes` that are open at the same time, each for one share.
const OPENED_BRIEFLY: usize = 16;

impl Pipeline {
    pub(super) fn limits(&self, kept: &Kept) -> Limits {
        let delivery = &self.config.delivery;
        Limits {
            commit_rows: delivery.commit_rows,
            commit_interval: delivery.commit_interval,
            databases: self.config.homes.len() + 1,
            gathered_bytes: GATHERED_BYTES / self.config.homes.len().clamp(1, delivery.open_homes),
            aggregate_rows: (AGGREGATE_ROWS_IN_MEMORY / self.config.homes.len().clamp(1, delivery.open_homes))
                .clamp(1024, 8_192),
            memory: Arc::new(Semaphore::new(BATCHES_IN_MEMORY)),
            working: Arc::new(Semaphore::new(delivery.parallel)),
            kept_open: Arc::new(Semaphore::new(most_open_homes(delivery.open_homes.min(self.config.homes.len() + 1)))),
            opened_briefly: Arc::new(Semaphore::new(OPENED_BRIEFLY)),
            remembered: InAll::default(),
            poison: delivery.poison,
            others_wait: delivery.others_wait,
            lease: kept.holding.as_ref().map(Holding::lease),
        }
    }

    pub(super) fn batch_limit(&self) -> BatchLimit {
        BatchLimit { rows: self.config.batch.rows, bytes: self.config.batch.bytes }
    }
}

/// So many homes, or as many as the process may open files for. Its soft limit is raised as far as that takes.
fn most_open_homes(wanted: usize) -> usize {
    // A SQLite database that is written to has itself, its journal and, for a moment, its folder open.
    const FILES_PER_HOME: u64 = 3;
    const OTHER_FILES: u64 = 64 + FILES_PER_HOME * OPENED_BRIEFLY as u64;
    let files = rlimit::increase_nofile_limit(FILES_PER_HOME * wanted as u64 + OTHER_FILES).unwrap_or(256);
    let possible = files.saturating_sub(OTHER_FILES) / FILES_PER_HOME;
    usize::try_from(possible).map_or(wanted, |possible| possible.min(wanted))
}

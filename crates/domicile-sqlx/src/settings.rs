//! What holds for all homes.

use std::collections::BTreeSet;
use std::time::Duration;

use domicile::Home;

use crate::budget::Budget;
use crate::handshake::Marker;
use crate::pool::Bounds;

/// How many connections the process may have open, unless the builder is given a budget.
const BUDGET_DEFAULT: usize = 100;

/// How many connections one database may have open, unless the builder says otherwise.
const CONNECTIONS_PER_DATABASE_DEFAULT: usize = 10;

/// How long it is waited for a connection, unless the builder says otherwise.
const WAIT_DEFAULT: Duration = Duration::from_secs(10);

/// How many homes are asked at once by what asks all of them, unless the builder says otherwise.
const CONCURRENCY_DEFAULT: usize = 16;

/// What holds for all homes.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) budget: Budget,
    pub(crate) bounds: Bounds,
    pub(crate) marker: Marker,
    pub(crate) concurrency: usize,
    pub(crate) elsewhere: BTreeSet<Home>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            budget: Budget::new(BUDGET_DEFAULT),
            bounds: Bounds { connections_max: CONNECTIONS_PER_DATABASE_DEFAULT, wait: WAIT_DEFAULT },
            marker: Marker::Optional,
            concurrency: CONCURRENCY_DEFAULT,
            elsewhere: BTreeSet::new(),
        }
    }
}

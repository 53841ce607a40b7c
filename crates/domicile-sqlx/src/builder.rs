//! Describing the homes.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::time::Duration;

use domicile::{Chain, Home};

use crate::Error;
use crate::budget::Budget;
use crate::capability::Capability;
use crate::homes::{HomeUrls, Homes};
use crate::pool::Bounds;
use crate::statement::{Demand, KeyColumns, Statements};

/// How many connections the process may have open, unless the builder is given a budget.
const BUDGET_DEFAULT: usize = 100;

/// How many connections one home may have open, unless the builder says otherwise.
const CONNECTIONS_PER_HOME_DEFAULT: usize = 10;

/// How long it is waited for a connection, unless the builder says otherwise.
const WAIT_DEFAULT: Duration = Duration::from_secs(10);

/// How many homes are asked at once by what asks all of them, unless the builder says otherwise.
const CONCURRENCY_DEFAULT: usize = 16;

/// What holds for all homes.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) budget: Budget,
    pub(crate) bounds: Bounds,
    pub(crate) needs_marker: bool,
    pub(crate) concurrency: usize,
}

/// Describes the homes of a program; made by [`Homes::builder`]. Nothing is connected to before it is needed.
#[must_use = "there are no homes before they are built"]
pub struct Builder<DB: Capability> {
    routers: Chain,
    homes: Vec<(Home, HomeUrls)>,
    settings: Settings,
    key_columns: KeyColumns,
    database: PhantomData<fn() -> DB>,
}

impl<DB: Capability> Builder<DB> {
    pub(crate) fn new(routers: Chain) -> Self {
        let bounds = Bounds { connections_max: CONNECTIONS_PER_HOME_DEFAULT, wait: WAIT_DEFAULT };
        let budget = Budget::new(BUDGET_DEFAULT);
        let settings = Settings { budget, bounds, needs_marker: false, concurrency: CONCURRENCY_DEFAULT };
        Self { routers, homes: Vec::new(), settings, key_columns: KeyColumns::default(), database: PhantomData }
    }

    /// Adds a home by the URL of its database, as sqlx reads it.
    ///
    /// A database of SQLite in memory has one connection, which stays open, because its data is gone with it.
    pub fn home(mut self, home: Home, url: impl Into<String>) -> Self {
        self.homes.push((home, HomeUrls { primary: url.into(), replicas: Vec::new() }));
        self
    }

    /// Adds a home by the URLs of its primary and of its replicas. Replicas answer the reads of scopes that allow it by
    /// [`ReplicaReads`](domicile::ReplicaReads), in turns; nothing is ever written to one.
    pub fn home_with_replicas<U: Into<String>>(
        mut self,
        home: Home,
        primary: impl Into<String>,
        replicas: impl IntoIterator<Item = U>,
    ) -> Self {
        let replicas = replicas.into_iter().map(Into::into).collect();
        self.homes.push((home, HomeUrls { primary: primary.into(), replicas }));
        self
    }

    /// Says that a column of a table holds the routing key. What statements say of it is a witness then, and it is never
    /// updated in place. `demand` says which statements must say it.
    ///
    /// In sqlx the values of parameters cannot be read, so that only literals are; SeaORM's can.
    pub fn key_column(mut self, table: &str, column: &str, demand: Demand) -> Self {
        self.key_columns.insert(table, column, demand);
        self
    }

    /// Bounds the connections that are open at a time by a budget, which may be shared with other homes. 100 of its own
    /// unless this is said.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.settings.budget = budget;
        self
    }

    /// Bounds the connections that one home may have open, so that it does not use up the budget; 10 unless this is said,
    /// and at least 1.
    pub fn connections_per_home(mut self, connections_max: usize) -> Self {
        self.settings.bounds.connections_max = connections_max.max(1);
        self
    }

    /// Bounds the time that is waited for a connection, 10 s unless this is said.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.settings.bounds.wait = wait;
        self
    }

    /// Bounds how many homes are asked at once by [`Homes::everywhere`]; 16 unless this is said, and at least 1.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = concurrency.max(1);
        self
    }

    /// Refuses homes whose database carries no marker; see [`Homes::mark`].
    pub fn require_markers(mut self) -> Self {
        self.settings.needs_marker = true;
        self
    }

    /// Makes the homes.
    ///
    /// # Errors
    ///
    /// [`Error::AddedTwice`] for a home that was added twice, [`Error::Url`] for a URL that cannot be used, and [`Error::SameDatabase`] if the URLs of two homes lead to one
    /// database. That two URLs that differ do so is found when the second is connected to.
    pub fn build(self) -> Result<Homes<DB>, Error> {
        let mut names = BTreeSet::new();
        if let Some((home, _)) = self.homes.iter().find(|(home, _)| !names.insert(home.clone())) {
            return Err(Error::AddedTwice { home: home.clone() });
        }
        let statements = Statements::new(DB::DIALECT, self.key_columns);
        let homes = Homes::new(self.routers, self.settings, statements);
        homes.add_all(self.homes)?;
        Ok(homes)
    }
}

impl<DB: Capability> Debug for Builder<DB> {
    // The URLs hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.homes.iter().map(|(home, _)| home.as_str()).collect();
        write!(f, "Builder({})", names.join(", "))
    }
}

//! Describing the homes.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::time::Duration;

use domicile::{Chain, Home};

use crate::Error;
use crate::budget::Budget;
use crate::capability::Capability;
use crate::databases::HomeUrls;
use crate::handshake::Marker;
use crate::homes::Homes;
use crate::settings::Settings;
use crate::statement::{Demand, KeyColumns, Statements};

/// How long it can be waited at most: times that are as good as endless cannot be added up.
const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Describes the homes of a program; made by [`Homes::builder`]. Nothing is connected to before it is needed.
///
/// ```
/// use std::time::Duration;
///
/// use domicile::Home;
/// use domicile_sqlx::{Budget, Demand, Homes};
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown {
/// let homes = Homes::<sqlx::Sqlite>::builder(routers())
///     .home(Home::new("es")?, "sqlite::memory:")
///     .home(Home::new("fr")?, "sqlite::memory:")
///     .key_column("orders", "country", Demand::Inserts)
///     .budget(Budget::new(50))
///     .wait(Duration::from_secs(3))
///     .build()?;
/// homes.check().await.all()?;
/// # Ok(()) }
/// ```
#[must_use = "there are no homes before they are built"]
pub struct Builder<DB: Capability> {
    routers: Chain,
    homes: Vec<(Home, HomeUrls)>,
    settings: Settings,
    key_columns: KeyColumns,
    refusal: Option<Error>,
    database: PhantomData<fn() -> DB>,
}

impl<DB: Capability> Builder<DB> {
    pub(crate) fn new(routers: Chain) -> Self {
        let key_columns = KeyColumns::default();
        Self {
            routers,
            homes: Vec::new(),
            settings: Settings::default(),
            key_columns,
            refusal: None,
            database: PhantomData,
        }
    }

    /// Adds a home by the URL of its database, as sqlx reads it.
    ///
    /// A database of SQLite in memory, `sqlite::memory:`, has one connection, which stays open, because its data is
    /// gone with it.
    ///
    /// ```
    /// use domicile::Home;
    /// use domicile_sqlx::Homes;
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown {
    /// let es = Home::new("es")?;
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers()).home(es.clone(), "sqlite:es.sqlite?mode=rwc").build()?;
    /// assert_eq!(homes.names(), [es.clone()]);
    ///
    /// // A password is in no message, and so the URL is not.
    /// let error = Homes::<sqlx::Sqlite>::builder(routers()).home(es, "mysql://root:secret@es/").build().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the URL of home es cannot be used: it must begin with `sqlite:`, as one of SQLite does"
    /// );
    /// # Ok(()) }
    /// ```
    pub fn home(mut self, home: Home, url: impl Into<String>) -> Self {
        self.homes.push((home, HomeUrls { primary: url.into(), replicas: Vec::new() }));
        self
    }

    /// Adds a home by the URLs of its primary and of its replicas. Replicas answer the reads of scopes that allow it by
    /// [`ReplicaReads`](domicile::ReplicaReads), in turns; nothing is ever written to one. Where one cannot be connected
    /// to, the next is, and at last the primary; it is left out then for as long as it is [waited](Self::wait) for a
    /// connection, and an event of `tracing` tells it. A statement that was sent and has failed is not sent again.
    ///
    /// ```
    /// use domicile::{Home, ReplicaReads, Role, RoutingKey, context};
    /// use domicile_sqlx::{Error, Homes, Unreadable};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown {
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers())
    ///     .home_with_replicas(Home::new("es")?, "sqlite:es.sqlite", ["sqlite:es-1.sqlite", "sqlite:es-2.sqlite"])
    ///     .build()?;
    /// context::with(RoutingKey::new("ES"), || {
    ///     let role = |sql| homes.decide(sql, &Unreadable).map(|decided| decided.route().role());
    ///     assert_eq!(role("SELECT amount FROM orders")?, Role::Primary);
    ///     context::with(ReplicaReads::new(), || {
    ///         assert_eq!(role("SELECT amount FROM orders")?, Role::Replica);
    ///         assert_eq!(role("SELECT amount FROM orders FOR UPDATE")?, Role::Primary);
    ///         Ok::<_, Error>(())
    ///     })
    /// })?;
    /// # Ok(()) }
    /// ```
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

    /// Says that a home of the routers has its database elsewhere, as among homes of another kind of database. What goes
    /// to all homes then leaves it out; without this, it answers there with [`Error::NoDatabase`], because a home that
    /// was forgotten must not be missing from a sum.
    ///
    /// ```
    /// use domicile::Home;
    /// use domicile_sqlx::{Error, Homes};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown {
    /// let spain = || Homes::<sqlx::Sqlite>::builder(routers()).home(Home::new("es").unwrap(), "sqlite::memory:");
    /// let forgotten = spain().build()?.check().await.all().unwrap_err();
    /// assert_eq!(forgotten.home().unwrap().as_str(), "fr");
    ///
    /// // France is in PostgreSQL.
    /// spain().elsewhere(Home::new("fr")?).build()?.check().await.all()?;
    /// # Ok(()) }
    /// ```
    pub fn elsewhere(mut self, home: Home) -> Self {
        self.settings.elsewhere.insert(home);
        self
    }

    /// Says that a column of a table holds the routing key. What statements say of it is a witness then, and it is never
    /// updated in place. `demand` says which statements must say it. Both names are compared without regard to case, and
    /// a table is meant in every schema, so that [`build`](Self::build) refuses a second one for a table.
    ///
    /// What functions, procedures, triggers and views of the database do is not read, also where a statement defines one.
    ///
    /// In sqlx the values of parameters cannot be read, so that only literals are; SeaORM's can. A bound key of one record
    /// is known by a handle of that record, [`Homes::of`].
    ///
    /// ```
    /// use domicile::{Home, RoutingKey, context};
    /// use domicile_sqlx::{Demand, Homes, Unreadable};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown {
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers())
    ///     .home(Home::new("es")?, "sqlite::memory:")
    ///     .home(Home::new("fr")?, "sqlite::memory:")
    ///     .key_column("orders", "country", Demand::Inserts)
    ///     .build()?;
    /// // The rows say where they belong, so that a wrong context is found out.
    /// let insert = "INSERT INTO orders (country, amount) VALUES ('ES', 3)";
    /// let refused = context::with(RoutingKey::new("FR"), || homes.decide(insert, &Unreadable)).unwrap_err();
    /// assert!(refused.routing().unwrap().is_disagreement());
    /// # Ok(()) }
    /// ```
    pub fn key_column(mut self, table: &str, column: &str, demand: Demand) -> Self {
        if let Some(first) = self.key_columns.of(&table.to_lowercase()) {
            let (first, second) = (first.label.to_string(), format!("{table}.{column}"));
            self.refusal.get_or_insert(Error::KeyColumnTwice { first, second });
        }
        self.key_columns.insert(table, column, demand);
        self
    }

    /// Bounds the connections that are open at a time by a budget, which may be shared with other homes. 100 of its own
    /// unless this is said.
    ///
    /// ```
    /// use domicile::Home;
    /// use domicile_sqlx::{Budget, Homes};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown {
    /// let budget = Budget::new(50);
    /// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
    /// let spain = Homes::<sqlx::Sqlite>::builder(routers()).home(es.clone(), "sqlite::memory:").elsewhere(fr.clone());
    /// let france = Homes::<sqlx::Sqlite>::builder(routers()).home(fr, "sqlite::memory:").elsewhere(es);
    /// let (spain, france) = (spain.budget(budget.clone()).build()?, france.budget(budget.clone()).build()?);
    /// spain.check().await.all()?;
    /// france.check().await.all()?;
    /// assert_eq!(budget.open(), 2);
    /// # Ok(()) }
    /// ```
    pub fn budget(mut self, budget: Budget) -> Self {
        self.settings.budget = budget;
        self
    }

    /// Bounds the connections that one database may have open, be it the primary of a home or one of its replicas, so
    /// that it does not use up the budget; 10 unless this is said, and at least 1.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use domicile::{Home, RoutingKey, context};
    /// use domicile_sqlx::Homes;
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown {
    /// # let folder = tempfile::TempDir::new()?;
    /// # let url = format!("sqlite:{}?mode=rwc", folder.path().join("es.sqlite").display());
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers())
    ///     .home(Home::new("es")?, url)
    ///     .connections_per_database(2)
    ///     .wait(Duration::from_secs(1))
    ///     .build()?;
    /// let decided = context::with(RoutingKey::new("ES"), || homes.decide_write())?;
    /// let (_one, _other) = (decided.lease().await?, decided.lease().await?);
    /// let error = decided.lease().await.unwrap_err();
    /// assert!(error.to_string().contains("all 2 to its database are in use"));
    /// # Ok(()) }
    /// ```
    pub fn connections_per_database(mut self, connections_max: usize) -> Self {
        self.settings.bounds.connections_max = connections_max.max(1);
        self
    }

    /// Bounds the time that is waited for a connection, 10 s unless this is said and at most a year: until one of those
    /// that are allowed has become free, and the database has answered. A database that refuses connections is tried
    /// again during that time, since it may be starting up; where that was in vain the next attempt fails at once. One
    /// that does not answer is tried by one at a time, and who waits for that attempt fails with it.
    ///
    /// A library that is given the pool of a [`Lease`](crate::Lease), as SeaORM is, waits as long once more where the
    /// connection was idle and has died.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use domicile::{Home, RoutingKey, context};
    /// use domicile_sqlx::{Error, Homes};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown {
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers())
    ///     .home(Home::new("es")?, "sqlite::memory:")
    ///     .wait(Duration::from_secs(1))
    ///     .build()?;
    /// let decided = context::with(RoutingKey::new("ES"), || homes.decide_write())?;
    /// let in_use = decided.lease().await?;
    /// assert!(matches!(decided.lease().await, Err(Error::Exhausted { .. })));
    /// drop(in_use);
    /// decided.lease().await?;
    /// # Ok(()) }
    /// ```
    pub fn wait(mut self, wait: Duration) -> Self {
        self.settings.bounds.wait = wait.min(WAIT_MAX);
        self
    }

    /// Bounds how many homes are asked at once by [`Homes::everywhere`], and by all else that goes to several homes,
    /// such as [`Homes::migrate`]; 16 unless this is said, and at least 1.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// use domicile::Home;
    /// use domicile_sqlx::{Error, Homes};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown {
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers())
    ///     .home(Home::new("es")?, "sqlite::memory:")
    ///     .home(Home::new("fr")?, "sqlite::memory:")
    ///     .concurrency(1)
    ///     .build()?;
    /// let is_asking = AtomicBool::new(false);
    /// let asked = homes.ask(homes.names(), async |_| {
    ///     assert!(!is_asking.swap(true, Ordering::Relaxed), "one home at a time");
    ///     tokio::task::yield_now().await;
    ///     is_asking.store(false, Ordering::Relaxed);
    ///     Ok::<_, Error>(())
    /// });
    /// asked.await.all()?;
    /// # Ok(()) }
    /// ```
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = concurrency.max(1);
        self
    }

    /// Refuses homes whose database carries no marker, by [`Error::Unmarked`] when a connection to it is opened; see
    /// [`Homes::mark`]. A marker that names another home is refused without this as well.
    ///
    /// ```
    /// use domicile::Home;
    /// use domicile_sqlx::{Error, Homes};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown {
    /// let es = Home::new("es")?;
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers()).home(es.clone(), "sqlite::memory:");
    /// let homes = homes.require_markers().build()?;
    /// let error = sqlx::query("SELECT 1").execute(&homes.on(es.clone())).await.unwrap_err();
    /// assert!(matches!(Error::of(&error), Some(Error::Unmarked { .. })));
    ///
    /// homes.mark(&es).await?;
    /// sqlx::query("SELECT 1").execute(&homes.on(es)).await?;
    /// # Ok(()) }
    /// ```
    pub fn require_markers(mut self) -> Self {
        self.settings.marker = Marker::Required;
        self
    }

    /// Makes the homes.
    ///
    /// # Errors
    ///
    /// [`Error::AddedTwice`] for a home that was added twice, [`Error::KeyColumnTwice`] for a table that was given two
    /// key columns, [`Error::Url`] for a URL that cannot be used, and [`Error::SameDatabase`] if the URLs of two homes
    /// lead to one database. That two URLs that differ do so is found when the second is connected to.
    ///
    /// ```
    /// use domicile::Home;
    /// use domicile_sqlx::{Error, Homes};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown {
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers())
    ///     .home(Home::new("es")?, "sqlite:es.sqlite")
    ///     .home(Home::new("fr")?, "sqlite:./es.sqlite");
    /// assert!(matches!(homes.build(), Err(Error::SameDatabase { .. })));
    /// # Ok(()) }
    /// ```
    pub fn build(self) -> Result<Homes<DB>, Error> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
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

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use domicile::{Chain, Placement, PlacementRouter};
    use sqlx::Sqlite;

    use super::Builder;
    use crate::{Demand, Error};

    fn builder() -> Builder<Sqlite> {
        Builder::new(Chain::new(PlacementRouter::new(Placement::builder().build().unwrap())))
    }

    #[test]
    fn a_table_is_given_one_key_column() {
        let once = builder().key_column("orders", "country", Demand::Nothing);
        let other = once.key_column("items", "country", Demand::Nothing);
        // Another schema is no other table, and neither is another spelling.
        let twice = other.key_column("audit.Orders", "tenant", Demand::Inserts).build().unwrap_err();
        assert!(matches!(&twice, Error::KeyColumnTwice { .. }), "{twice}");
        assert!(twice.to_string().starts_with("orders.country and audit.Orders.tenant are key columns of one table"));
        let twin = builder().key_column("orders", "country", Demand::Nothing);
        twin.key_column("items", "country", Demand::Nothing).build().unwrap();
    }
}

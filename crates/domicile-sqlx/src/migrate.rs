//! sqlx's migrations, in every home that they are for.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use domicile::{Aggregate, EachHome, Home, Operation};
use sqlx::migrate::{Migrate, Migration, Migrator};

use crate::Error;
use crate::capability::Capability;
use crate::decide::UNKNOWN_TABLE;
use crate::homes::Homes;
use crate::statement::bare;

/// What migrating a home did; see [`Homes::migrate`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// # let migrator = migrator();
/// // One migration, with the version 1. The second time there is nothing left.
/// assert!(homes.migrate(&migrator).await.all()?.iter().all(|home| home.applied == [1]));
/// assert!(homes.migrate(&migrator).await.all()?.iter().all(|home| home.applied.is_empty()));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrated {
    /// The versions that were applied now, in their order.
    pub applied: Vec<i64>,
}

/// How far a home is migrated; see [`Homes::migrations`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// # let migrator = migrator();
/// for home in homes.migrations(&migrator).await.all()? {
///     // One migration, with the version 1, which is for every home.
///     assert_eq!((&home.applied[..], &home.pending[..], &home.elsewhere[..]), (&[][..], &[1][..], &[][..]));
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrations {
    /// The versions that are applied, in their order.
    pub applied: Vec<i64>,
    /// The versions that are for this home and are not applied: it is behind by these.
    pub pending: Vec<i64>,
    /// The versions that are not for this home.
    pub elsewhere: Vec<i64>,
}

impl Migrations {
    /// Returns whether something is to be applied.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// # let migrator = migrator();
    /// // A program that must not start before its homes are as it expects them asks this.
    /// assert!(homes.migrations(&migrator).await.all()?.iter().any(|home| home.is_behind()));
    /// # Ok(()) }
    /// ```
    pub fn is_behind(&self) -> bool {
        !self.pending.is_empty()
    }
}

impl<DB: Capability> Homes<DB>
where
    DB::Connection: Migrate,
{
    /// Runs sqlx's migrations in every home, each as far as it is for that home, and a bounded number of homes at a
    /// time; with a handle that was fixed to a home, in that home alone. A home that fails keeps no other from being
    /// migrated; what was applied before stays applied, and is not run again.
    ///
    /// A migration is for a home if the routers allow all the tables that it names to be migrated there
    /// ([`Router::allow_migrate`](domicile::Router::allow_migrate)), and not if they allow none; one that names no
    /// table is asked for by its description.
    ///
    /// # Errors
    ///
    /// In the result of each home: what routing refuses, as for a home that the routers do not know; what a connection
    /// to it and sqlx's migrator fail with; and [`Error::Statement`] for a migration of which only some tables belong
    /// into the home: it has to be split.
    ///
    /// ```
    /// use std::borrow::Cow;
    ///
    /// use sqlx::SqlSafeStr;
    /// use sqlx::migrate::{Migration, MigrationType, Migrator};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// // Usually `sqlx::migrate!()`.
    /// let create = "CREATE TABLE orders (id INTEGER)".into_sql_str();
    /// let create = Migration::new(1, Cow::Borrowed("orders"), MigrationType::Simple, create, false);
    /// let migrator = Migrator::with_migrations(vec![create]);
    ///
    /// for home in homes.migrate(&migrator).await.all()? {
    ///     assert_eq!(home.applied, [1]);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn migrate(&self, migrator: &Migrator) -> EachHome<Migrated, Error> {
        let migrate = |home: Home| async move {
            let before = self.migrations_of(&home, migrator).await?;
            let own = self.own(&home, migrator)?;
            let lease = Arc::clone(self.databases(&home)?.primary()).lease().await?;
            let mut connection = lease.acquire().await?;
            // sqlx keeps its lock where a migration fails, for as long as the connection lives.
            lease
                .to_its_end(async { own.run_direct(None, &mut *connection, false).await })
                .await
                .inspect_err(|_| lease.discard())
                .map_err(failed)?;
            Ok(Migrated { applied: before.pending })
        };
        self.each(self.reachable(), Aggregate::Unknown, migrate).await
    }

    /// Returns how far each home is migrated, and changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`migrate`](Self::migrate).
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// # let migrator = migrator();
    /// let told: Vec<_> = homes
    ///     .migrations(&migrator)
    ///     .await
    ///     .into_iter()
    ///     .map(|(home, migrations)| match migrations {
    ///         Ok(migrations) if migrations.is_behind() => format!("{home} is behind by {}", migrations.pending.len()),
    ///         Ok(_) => format!("{home} is up to date"),
    ///         Err(error) => format!("{home} cannot be asked: {error}"),
    ///     })
    ///     .collect();
    /// assert_eq!(told, ["es is behind by 1", "fr is behind by 1"]);
    /// # Ok(()) }
    /// ```
    pub async fn migrations(&self, migrator: &Migrator) -> EachHome<Migrations, Error> {
        let ask = |home: Home| async move { self.migrations_of(&home, migrator).await };
        self.each(self.reachable(), Aggregate::Unknown, ask).await
    }

    async fn migrations_of(&self, home: &Home, migrator: &Migrator) -> Result<Migrations, Error> {
        // A scope that is confined to another home is left alone, and so is a home that no router knows.
        self.shared.routers.route(&Operation::write(UNKNOWN_TABLE).on(home.clone()))?;
        let own: BTreeSet<i64> = self.own(home, migrator)?.iter().map(|migration| migration.version).collect();
        let lease = Arc::clone(self.databases(home)?.primary()).lease().await?;
        let mut connection = lease.acquire().await?;
        let mut applied = BTreeSet::new();
        // sqlx's own listing would create the table.
        if DB::has_table(&mut connection, &migrator.table_name).await? {
            let listed = connection.list_applied_migrations(&migrator.table_name).await.map_err(failed)?;
            applied.extend(listed.into_iter().map(|migration| migration.version));
        }
        let ups = migrator.iter().filter(|migration| !migration.migration_type.is_down_migration());
        let all: BTreeSet<i64> = ups.map(|migration| migration.version).collect();
        Ok(Migrations {
            pending: own.difference(&applied).copied().collect(),
            elsewhere: all.difference(&own).copied().collect(),
            applied: applied.into_iter().collect(),
        })
    }

    /// The migrations that are for a home.
    fn own(&self, home: &Home, migrator: &Migrator) -> Result<Migrator, Error> {
        let mut own = Vec::new();
        for migration in migrator.iter() {
            if self.is_for(home, migration)? {
                own.push(migration.clone());
            }
        }
        Ok(Migrator {
            migrations: Cow::Owned(own),
            table_name: migrator.table_name.clone(),
            create_schemas: migrator.create_schemas.clone(),
            ..*migrator
        })
    }

    fn is_for(&self, home: &Home, migration: &Migration) -> Result<bool, Error> {
        let analysis = self.shared.statements.analyse(migration.sql.as_str());
        let routers = &self.shared.routers;
        if analysis.tables.is_empty() {
            return Ok(routers.allow_migrate(home, &migration.description));
        }
        let (own, others): (Vec<_>, Vec<_>) =
            analysis.tables.iter().map(|table| bare(table)).partition(|table| routers.allow_migrate(home, table));
        if !own.is_empty() && !others.is_empty() {
            return Err(Error::Statement(format!(
                "migration {} is for home {home} only in part: {} belong there, and {} do not; split it",
                migration.version,
                own.join(", "),
                others.join(", ")
            )));
        }
        Ok(others.is_empty())
    }
}

fn failed(error: sqlx::migrate::MigrateError) -> Error {
    Error::Database(sqlx::Error::from(error))
}

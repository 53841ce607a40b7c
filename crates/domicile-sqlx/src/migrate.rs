//! sqlx's migrations, in every home that they are for.

mod home;
mod recording;

use std::borrow::Cow;
use std::collections::BTreeSet;

use domicile::{Aggregate, EachHome, Home, Operation, Role};
use recording::Recording;
use sqlx::migrate::{Migrate, Migration, Migrator};
use sqlx::pool::PoolConnection;

use crate::Error;
use crate::capability::Capability;
use crate::decide::UNKNOWN_TABLE;
use crate::homes::Homes;
use crate::lease::Lease;

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
    /// The versions that were applied by this call, in their order. What somebody else applied at the same time is not
    /// among them.
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
    /// The versions that are not for this home, and are not applied in it.
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
    /// ([`Router::allow_migrate`](domicile::Router::allow_migrate)), and the routing keys that its statements name belong
    /// there; it is not if none of them does. One that names no table, as a `CREATE TYPE`, is asked for by its
    /// description. What cannot be read, and what would be refused anywhere else, as a `SET`, is not run before it says
    /// which tables it is for, by a line of its own:
    ///
    /// ```sql
    /// -- domicile: tables orders, customers
    /// ```
    ///
    /// The connection that a home is migrated on is closed afterwards, so that what a migration sets for its session, as
    /// `USE`, `SET` and temporary tables do, ends with it. Only a database in memory keeps its connection.
    ///
    /// Programs that migrate a home at the same time wait for each other: in PostgreSQL without an end, by sqlx's own lock;
    /// in MySQL and MariaDB for an hour, after which this one fails.
    ///
    /// A migration that is applied in a home is not looked at again. One that is applied elsewhere keeps its checksum,
    /// as sqlx demands, where the line is put before its text by
    /// [`Migration::with_checksum`](sqlx::migrate::Migration::with_checksum).
    ///
    /// # Errors
    ///
    /// In the result of each home: what routing refuses, as for a home that the routers do not know, or that the scope is
    /// not [confined](domicile::Confined) to; what a connection to it and sqlx's migrator fail with; and
    /// [`Error::Statement`] for a migration that belongs into the home only in part, which has to be split, and for one
    /// of which cannot be told where it belongs.
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
            let (lease, mut connection) = self.connect_to_migrate(&home).await?;
            // What a migration sets, uses or creates for the session must reach nobody else; and sqlx keeps its lock where
            // one fails, for as long as the connection lives.
            lease.discard();
            let own = self.judge(&home, migrator, &mut connection).await?.own(migrator);
            let mut recording = Recording::<DB>::new(&mut connection);
            own.run_direct(None, &mut recording, false).await.map_err(failed)?;
            Ok(Migrated { applied: recording.applied })
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
        let ask = |home: Home| async move {
            let (_lease, mut connection) = self.connect_to_migrate(&home).await?;
            let judged = self.judge(&home, migrator, &mut connection).await?;
            let versions = |migrations: &[&Migration]| migrations.iter().map(|migration| migration.version).collect();
            Ok(Migrations {
                pending: versions(&judged.pending),
                elsewhere: versions(&judged.elsewhere),
                applied: judged.applied.into_iter().collect(),
            })
        };
        self.each(self.reachable(), Aggregate::Unknown, ask).await
    }

    async fn connect_to_migrate(&self, home: &Home) -> Result<(Lease<DB>, PoolConnection<DB>), Error> {
        // A scope that is confined to another home is left alone, and so is a home that no router knows.
        self.shared.routers.route(&Operation::write(UNKNOWN_TABLE).on(home.clone()))?;
        self.databases(home)?.connect(Role::Primary).await
    }

    /// Says of each migration whether it is applied in a home, and whether it is for it otherwise.
    async fn judge<'m>(
        &self,
        home: &Home,
        migrator: &'m Migrator,
        connection: &mut DB::Connection,
    ) -> Result<Judged<'m>, Error> {
        let mut judged = Judged::default();
        // sqlx's own listing would create the table.
        if DB::has_table(connection, &migrator.table_name).await? {
            let listed = connection.list_applied_migrations(&migrator.table_name).await.map_err(failed)?;
            judged.applied.extend(listed.into_iter().map(|migration| migration.version));
        }
        for migration in migrator.iter().filter(|migration| !migration.migration_type.is_down_migration()) {
            if judged.applied.contains(&migration.version) {
                continue;
            }
            let is_own = self.is_for(home, migration)?;
            (if is_own { &mut judged.pending } else { &mut judged.elsewhere }).push(migration);
        }
        Ok(judged)
    }
}

/// The migrations as they are in one home.
#[derive(Default)]
struct Judged<'m> {
    applied: BTreeSet<i64>,
    pending: Vec<&'m Migration>,
    elsewhere: Vec<&'m Migration>,
}

impl Judged<'_> {
    /// Those that are for the home, as sqlx runs them.
    fn own(&self, migrator: &Migrator) -> Migrator {
        let elsewhere: BTreeSet<i64> = self.elsewhere.iter().map(|migration| migration.version).collect();
        let own = migrator.iter().filter(|migration| !elsewhere.contains(&migration.version));
        Migrator {
            migrations: Cow::Owned(own.cloned().collect()),
            table_name: migrator.table_name.clone(),
            create_schemas: migrator.create_schemas.clone(),
            ..*migrator
        }
    }
}

fn failed(error: sqlx::migrate::MigrateError) -> Error {
    Error::Database(sqlx::Error::from(error))
}

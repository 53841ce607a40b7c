//! SeaORM's migrations, in every home that they are for.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use domicile::{Chain, EachHome, Home};
use sea_orm::{DbErr, DynIden};
use sea_orm_migration::{
    MigrationName, MigrationStatus, MigrationTrait, MigratorTrait, MigratorTraitSelf, SchemaManager,
};

use crate::backend::Backend;
use crate::error::told;
use crate::homes::{Homes, Leased};

/// What migrating a home did; see [`Homes::migrate`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/migrator.rs"));
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// // One migration. The second time there is nothing left.
/// assert!(homes.migrate::<Migrator>().await.all()?.iter().all(|home| home.applied == ["m1_orders"]));
/// assert!(homes.migrate::<Migrator>().await.all()?.iter().all(|home| home.applied.is_empty()));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrated {
    /// The names of the migrations that were applied by this call, in their order. What somebody else applied at the
    /// same time is not among them.
    pub applied: Vec<String>,
}

/// How far a home is migrated; see [`Homes::migrations`].
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/migrator.rs"));
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// for home in homes.migrations::<Migrator>().await.all()? {
///     // `Migrator` has one migration, which is for every home.
///     assert_eq!(home.pending, ["m1_orders"]);
///     assert!(home.applied.is_empty() && home.elsewhere.is_empty());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrations {
    /// The names of the migrations that are applied, in their order.
    pub applied: Vec<String>,
    /// The names of those that are for this home and are not applied: it is behind by these.
    pub pending: Vec<String>,
    /// The names of those that are not for this home.
    pub elsewhere: Vec<String>,
}

impl Migrations {
    /// Returns whether something is to be applied.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/migrator.rs"));
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// // A program that must not start before its homes are as it expects them asks this.
    /// assert!(homes.migrations::<Migrator>().await.all()?.iter().any(|home| home.is_behind()));
    /// # Ok(()) }
    /// ```
    pub fn is_behind(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// The migrations of `M` that are for one home.
struct Own<M> {
    routers: Chain,
    home: Home,
    applied: Arc<Mutex<Vec<String>>>,
    migrator: PhantomData<fn() -> M>,
}

impl<M: MigratorTrait> Own<M> {
    fn is_for(&self, migration: &dyn MigrationTrait) -> bool {
        self.routers.allow_migrate(&self.home, migration.name())
    }

    /// Takes the names of what was applied.
    fn applied(&self) -> Vec<String> {
        std::mem::take(&mut *self.applied.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<M: MigratorTrait> MigratorTraitSelf for Own<M> {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let own = M::migrations().into_iter().filter(|migration| self.is_for(&**migration));
        own.map(|migration| Box::new(Recorded { migration, applied: Arc::clone(&self.applied) }) as _).collect()
    }

    fn migration_table_name(&self) -> DynIden {
        M::migration_table_name()
    }
}

/// A migration that notes that it was applied. What is pending before is no answer: somebody else may apply it
/// meanwhile.
struct Recorded {
    migration: Box<dyn MigrationTrait>,
    applied: Arc<Mutex<Vec<String>>>,
}

impl MigrationName for Recorded {
    fn name(&self) -> &str {
        self.migration.name()
    }
}

// The macro that the trait was made by counts a lifetime that is written out as another one.
#[allow(elided_lifetimes_in_paths)]
#[async_trait::async_trait]
impl MigrationTrait for Recorded {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.migration.up(manager).await?;
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).push(self.name().to_owned());
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.migration.down(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        self.migration.use_transaction()
    }
}

impl<DB: Backend> Homes<DB> {
    /// Runs SeaORM's migrations in every home, each as far as it is for that home, and a bounded number of homes at a
    /// time; with a handle that was fixed to a home, in that home alone. A home that fails keeps no other from being
    /// migrated; what was applied before stays applied, and is not run again. SeaORM takes no lock: where two programs
    /// migrate a home at the same time, one of them fails with what the other has made already.
    ///
    /// The connection that a home is migrated on is closed afterwards, so that what a migration sets for its session ends
    /// with it. Only a database in memory keeps its connection.
    ///
    /// SeaORM's migrations are code and do not tell which tables they change, so that the routers are asked for them by
    /// their names ([`Router::allow_migrate`](domicile::Router::allow_migrate)), and what they do is not looked at: rows
    /// are better inserted by [`Homes`].
    ///
    /// # Errors
    ///
    /// In the result of each home: what routing refuses, as for a home that the routers do not know, and what a
    /// connection to it and SeaORM's migrator fail with.
    ///
    /// ```
    /// use sea_orm_migration::prelude::*;
    ///
    /// struct Migrator;
    ///
    /// impl MigratorTrait for Migrator {
    ///     fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    ///         vec![Box::new(Orders)]
    ///     }
    /// }
    ///
    /// struct Orders;
    ///
    /// impl MigrationName for Orders {
    ///     fn name(&self) -> &str {
    ///         "m1_orders"
    ///     }
    /// }
    ///
    /// #[async_trait::async_trait]
    /// impl MigrationTrait for Orders {
    ///     async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
    ///         let country = ColumnDef::new("country").text().not_null().to_owned();
    ///         manager.create_table(Table::create().table("orders").col(country).to_owned()).await
    ///     }
    /// }
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// for home in homes.migrate::<Migrator>().await.all()? {
    ///     assert_eq!(home.applied, ["m1_orders"]);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn migrate<M: MigratorTrait>(&self) -> EachHome<Migrated, DbErr> {
        let migrate = |home: Homes<DB>| async move {
            let (own, leased) = home.own::<M>().await?;
            let ran = leased.guarded(own.up(&leased.connection, None)).await;
            // What a migration sets, uses or creates for the session must reach nobody else.
            leased.lease.discard();
            ran?;
            Ok(Migrated { applied: own.applied() })
        };
        self.everywhere().ask(migrate).await
    }

    /// Returns how far each home is migrated, and changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`migrate`](Self::migrate).
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/migrator.rs"));
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let told: Vec<_> = homes
    ///     .migrations::<Migrator>()
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
    pub async fn migrations<M: MigratorTrait>(&self) -> EachHome<Migrations, DbErr> {
        let ask = |home: Homes<DB>| async move {
            let (own, leased) = home.own::<M>().await?;
            let all = own.get_migration_with_status_read_only(&leased.connection).await?;
            let of = |status: MigrationStatus| {
                let of = all.iter().filter(|migration| migration.status() == status);
                of.map(|migration| migration.name().to_owned()).collect()
            };
            let elsewhere = M::migrations().into_iter().filter(|migration| !own.is_for(&**migration));
            Ok(Migrations {
                applied: of(MigrationStatus::Applied),
                pending: of(MigrationStatus::Pending),
                elsewhere: elsewhere.map(|migration| migration.name().to_owned()).collect(),
            })
        };
        self.everywhere().ask(ask).await
    }

    /// What is for the home that this handle was fixed to, and a connection to it.
    async fn own<M: MigratorTrait>(&self) -> Result<(Own<M>, Leased<DB>), DbErr> {
        let decided = self.homes.decide_write().map_err(told)?;
        let (routers, home) = (self.routers().clone(), decided.route().home().clone());
        let leased = Leased::of(&decided).await?;
        Ok((Own { routers, home, applied: Arc::default(), migrator: PhantomData }, leased))
    }
}

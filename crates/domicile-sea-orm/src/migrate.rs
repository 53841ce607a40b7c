//! SeaORM's migrations, in every home that they are for.

use std::marker::PhantomData;

use domicile::{Chain, EachHome, Home};
use sea_orm::{DbErr, DynIden};
use sea_orm_migration::{MigrationStatus, MigrationTrait, MigratorTrait, MigratorTraitSelf};

use crate::backend::Backend;
use crate::error::told;
use crate::homes::{Homes, Leased};

/// How far a home is migrated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migrations {
    /// The names of the migrations that are applied, in their order.
    pub applied: Vec<String>,
    /// The names of those that are for this home and are not applied: it is behind by these.
    pub pending: Vec<String>,
}

impl Migrations {
    /// Returns whether something is to be applied.
    ///
    /// ```
    /// assert!(!domicile_sea_orm::Migrations::default().is_behind());
    /// ```
    pub fn is_behind(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// The migrations of `M` that are for one home.
struct Own<M> {
    routers: Chain,
    home: Home,
    migrator: PhantomData<fn() -> M>,
}

#[sea_orm_migration::async_trait::async_trait]
impl<M: MigratorTrait> MigratorTraitSelf for Own<M> {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let all = M::migrations().into_iter();
        all.filter(|migration| self.routers.allow_migrate(&self.home, migration.name())).collect()
    }

    fn migration_table_name(&self) -> DynIden {
        M::migration_table_name()
    }
}

impl<DB: Backend> Homes<DB> {
    /// Runs SeaORM's migrations in every home, each as far as it is for that home, and a bounded number of homes at a
    /// time. A home that fails keeps no other from being migrated. The result of a home names what was applied now.
    ///
    /// SeaORM's migrations are code and do not tell which tables they change, so that the routers are asked for them by
    /// their names ([`Router::allow_migrate`](domicile::Router::allow_migrate)).
    pub async fn migrate<M: MigratorTrait>(&self) -> EachHome<Vec<String>, DbErr> {
        let migrate = |home: Homes<DB>| async move {
            let (own, leased) = home.own::<M>().await?;
            let before = own.get_pending_migrations_read_only(&leased.connection).await?;
            leased.guarded(own.up(&leased.connection, None)).await?;
            Ok(before.iter().map(|migration| migration.name().to_owned()).collect())
        };
        self.everywhere().ask(migrate).await
    }

    /// Returns how far each home is migrated, and changes nothing.
    pub async fn migrations<M: MigratorTrait>(&self) -> EachHome<Migrations, DbErr> {
        let ask = |home: Homes<DB>| async move {
            let (own, leased) = home.own::<M>().await?;
            let all = own.get_migration_with_status_read_only(&leased.connection).await?;
            let of = |status: MigrationStatus| {
                let of = all.iter().filter(|migration| migration.status() == status);
                of.map(|migration| migration.name().to_owned()).collect()
            };
            Ok(Migrations { applied: of(MigrationStatus::Applied), pending: of(MigrationStatus::Pending) })
        };
        self.everywhere().ask(ask).await
    }

    /// What is for the home that this handle was fixed to, and a connection to it.
    async fn own<M: MigratorTrait>(&self) -> Result<(Own<M>, Leased<DB>), DbErr> {
        let decided = self.homes.decide_write().map_err(told)?;
        let (routers, home) = (self.routers().clone(), decided.route().home().clone());
        let leased = Leased::new(decided.lease().await.map_err(told)?).map_err(told)?;
        Ok((Own { routers, home, migrator: PhantomData }, leased))
    }
}

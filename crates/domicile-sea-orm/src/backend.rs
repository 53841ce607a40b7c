//! What SeaORM calls the databases.

use domicile_sqlx::Capability;
use sea_orm::{DatabaseConnection, DbBackend};

/// A kind of database that can hold homes, with what SeaORM needs of it; see [`Capability`]. Code that is generic over
/// it does not care which it is.
///
/// ```
/// use domicile::{RoutingKey, context};
/// use domicile_sea_orm::{Backend, Homes};
/// use sea_orm::{DbErr, EntityTrait, PaginatorTrait};
///
/// /// Counts the orders of the home that the context says.
/// async fn orders<DB: Backend>(homes: &Homes<DB>) -> Result<u64, DbErr> {
///     order::Entity::find().count(homes).await
/// }
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// assert_eq!(context::scope(RoutingKey::new("ES"), orders(&homes)).await?, 2);
/// # Ok(()) }
/// ```
pub trait Backend: Capability {
    /// What SeaORM calls it.
    const BACKEND: DbBackend;

    /// Makes SeaORM's connection of sqlx's.
    fn connection(pool: sqlx::Pool<Self>) -> DatabaseConnection;
}

#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {
    const BACKEND: DbBackend = DbBackend::Postgres;

    fn connection(pool: sqlx::PgPool) -> DatabaseConnection {
        pool.into()
    }
}

#[cfg(feature = "mysql")]
impl Backend for sqlx::MySql {
    const BACKEND: DbBackend = DbBackend::MySql;

    fn connection(pool: sqlx::MySqlPool) -> DatabaseConnection {
        pool.into()
    }
}

#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {
    const BACKEND: DbBackend = DbBackend::Sqlite;

    fn connection(pool: sqlx::SqlitePool) -> DatabaseConnection {
        pool.into()
    }
}

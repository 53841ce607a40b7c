//! What SeaORM calls the databases.

use domicile_sqlx::Capability;
use sea_orm::{DatabaseConnection, DbBackend};

/// A kind of database that can hold homes; see [`Capability`].
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

//! What differs from one kind of database to another.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use domicile::Home;
use futures::future::BoxFuture;
use sqlx::{Connection, Database};

use crate::statement::Dialect;

/// The table that names the home that a database is; it has one row.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) const MARKER_TABLE: &str = "domicile_home";

/// How the driver is told where to connect to.
pub(crate) type Options<DB> = <<DB as Database>::Connection as Connection>::Options;

/// A kind of database that can hold homes: what code is generic over that does not care which it is. It is implemented
/// for the databases whose features are enabled, and cannot be implemented elsewhere.
///
/// Its functions are for this crate. What sqlx itself demands must be asked for beside it, as in any code that is
/// generic over databases.
///
/// ```
/// use domicile_sqlx::{Capability, Error, Homes};
/// use sqlx::{Executor, IntoArguments};
///
/// /// Empties the table of orders in every home.
/// async fn clear<DB: Capability>(homes: &Homes<DB>) -> Result<(), domicile::MergeError<Error>>
/// where
///     for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
///     DB::Arguments: IntoArguments<DB>,
/// {
///     homes.everywhere().execute(|| sqlx::query("DELETE FROM orders")).await.all().map(drop)
/// }
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// clear(&homes).await?;
/// let counts = homes.everywhere().fetch_scalar::<i64, _>(|| sqlx::query("SELECT count(*) FROM orders")).await;
/// assert_eq!(counts.count()?, 0);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no database that can hold homes",
    note = "`sqlx::Sqlite`, `sqlx::Postgres` and `sqlx::MySql` are, each with the feature `sqlite`, `postgres` or `mysql` of \
            `domicile-sqlx` or `domicile-sea-orm`"
)]
pub trait Capability: Database + sealed::Sealed {
    /// Its SQL.
    #[doc(hidden)]
    const DIALECT: Dialect;

    /// Whether what stands before the name of a table can lead to another home's database.
    const QUALIFIER_IS_DATABASE: bool;

    /// What the options lead to, as far as they tell: two that are equal are one database. Holds no password.
    fn place(options: &Options<Self>) -> Option<String>;

    /// The name that this database goes by before the name of a table.
    fn database_name(options: &Options<Self>) -> Option<String>;

    /// Whether the data is gone when the connection is closed.
    fn is_transient(options: &Options<Self>) -> bool;

    /// Makes the options of a replica, whose connections cannot write.
    fn read_only(options: Options<Self>) -> Options<Self>;

    /// Makes the connection to a replica unable to write, where the options cannot.
    fn forbid_writes(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), sqlx::Error>>;

    /// What the database itself says that it is; connections with the same identity lead to one database.
    fn identity(connection: &mut Self::Connection) -> BoxFuture<'_, Result<Option<String>, sqlx::Error>>;

    /// Whether the database has a table of this name.
    fn has_table<'c>(connection: &'c mut Self::Connection, table: &'c str) -> BoxFuture<'c, Result<bool, sqlx::Error>>;

    /// The home that the database says that it is, if it carries a marker.
    fn marker(connection: &mut Self::Connection) -> BoxFuture<'_, Result<Option<String>, sqlx::Error>>;

    /// Waits until no other migrator is at work, where sqlx's own lock does not.
    fn lock_migrations(_: &mut Self::Connection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async { Ok(()) })
    }

    /// Lets other migrators work again.
    fn unlock_migrations(_: &mut Self::Connection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async { Ok(()) })
    }

    /// Makes the database say which home it is, if it carries no marker yet.
    fn mark<'c>(connection: &'c mut Self::Connection, home: &'c Home) -> BoxFuture<'c, Result<(), sqlx::Error>>;
}

mod sealed {
    /// Implemented for the databases of this crate only.
    pub trait Sealed {}

    #[cfg(feature = "mysql")]
    impl Sealed for sqlx::MySql {}
    #[cfg(feature = "postgres")]
    impl Sealed for sqlx::Postgres {}
    #[cfg(feature = "sqlite")]
    impl Sealed for sqlx::Sqlite {}
}

//! What is planted in the homes, and how it is asked for.

use domicile::Home;
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{AssertSqlSafe, Decode, Executor, FromRow, IntoArguments, Type};

use crate::{Capability, Error, Homes, Transaction};

/// A kind of database on which routers can be [checked](super::check): each that can hold homes. Code that is generic
/// over it does not care which it is.
///
/// Its functions are for this crate: each sends a text and returns the texts in the first column of what comes back.
///
/// ```
/// use domicile::{Home, RoutingKey};
/// use domicile_sqlx::Homes;
/// use domicile_sqlx::conformance::{Checkable, check};
///
/// /// What a program's tests ask of its homes, on whatever database they run.
/// async fn are_homes<DB: Checkable>(homes: &Homes<DB>) -> bool {
///     let case = |key, home| (RoutingKey::new(key), Home::new(home).unwrap());
///     check(homes, &[case("ES", "es"), case("FR", "fr")], 7).await.is_ok()
/// }
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// assert!(are_homes(&homes).await);
/// # Ok(()) }
/// ```
pub trait Checkable: Capability {
    /// Sends it to the home that it belongs to.
    #[doc(hidden)]
    fn by_homes(homes: &Homes<Self>, sql: String) -> BoxFuture<'_, Result<Vec<String>, sqlx::Error>>;

    /// Sends it in a transaction.
    #[doc(hidden)]
    fn in_transaction(
        transaction: &mut Transaction<Self>,
        sql: String,
    ) -> BoxFuture<'_, Result<Vec<String>, sqlx::Error>>;

    /// Sends it by this connection, wherever that leads.
    #[doc(hidden)]
    fn by_connection(connection: &mut Self::Connection, sql: String)
    -> BoxFuture<'_, Result<Vec<String>, sqlx::Error>>;
}

impl<DB: Capability> Checkable for DB
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'t> &'t mut Transaction<DB>: Executor<'t, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'r> (String,): FromRow<'r, DB::Row>,
    for<'r> String: Decode<'r, DB> + Type<DB>,
{
    fn by_homes(homes: &Homes<DB>, sql: String) -> BoxFuture<'_, Result<Vec<String>, sqlx::Error>> {
        // In a block of its own, so that the home is decided in the scope in which this is polled.
        async move { sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(homes).await }.boxed()
    }

    fn in_transaction(
        transaction: &mut Transaction<DB>,
        sql: String,
    ) -> BoxFuture<'_, Result<Vec<String>, sqlx::Error>> {
        async move { sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(transaction).await }.boxed()
    }

    fn by_connection(connection: &mut DB::Connection, sql: String) -> BoxFuture<'_, Result<Vec<String>, sqlx::Error>> {
        async move { sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await }.boxed()
    }
}

/// What is sent to find out where it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Probe {
    /// Asks for the row that names the home.
    Read,
    /// Writes a row with this number, which no other has.
    Write(usize),
}

impl Probe {
    pub(super) fn sql(self) -> String {
        match self {
            Self::Read => "SELECT home FROM domicile_planted".into(),
            Self::Write(number) => format!("INSERT INTO domicile_written (row_name) VALUES ('row {number}')"),
        }
    }

    /// What messages call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "a read",
            Self::Write(_) => "a write",
        }
    }
}

/// Makes the tables of a home, and its row, by a connection of its own.
pub(super) async fn plant<DB: Checkable>(homes: &Homes<DB>, home: &Home) -> Result<(), Error> {
    let texts = [
        "CREATE TABLE IF NOT EXISTS domicile_planted (home VARCHAR(63))".into(),
        "DELETE FROM domicile_planted".into(),
        // The name of a home holds no quotes.
        format!("INSERT INTO domicile_planted VALUES ('{home}')"),
        "CREATE TABLE IF NOT EXISTS domicile_written (row_name VARCHAR(63))".into(),
        "DELETE FROM domicile_written".into(),
    ];
    for sql in texts {
        directly(homes, home, sql).await?;
    }
    Ok(())
}

/// How many times a home has the row with this number, by a connection of its own.
pub(super) async fn count_of_row<DB: Checkable>(homes: &Homes<DB>, home: &Home, number: usize) -> Result<usize, Error> {
    let sql = format!("SELECT row_name FROM domicile_written WHERE row_name = 'row {number}'");
    Ok(directly(homes, home, sql).await?.len())
}

/// Sends a text to a home past the routers, because they are what is in question.
async fn directly<DB: Checkable>(homes: &Homes<DB>, home: &Home, sql: String) -> Result<Vec<String>, Error> {
    let lease = homes.databases(home)?.primary().lease().await?;
    let mut connection = lease.acquire().await?;
    DB::by_connection(&mut connection, sql).await.map_err(Error::from_sqlx)
}

//! Savepoints, which are transactions within a transaction.

use std::fmt::{self, Debug};

use domicile::Home;
use sqlx::Acquire;

use crate::Error;
use crate::capability::Capability;
use crate::homes::Homes;
use crate::lease::Lease;
use crate::transaction::Transaction;

/// A savepoint of a transaction; made by [`Transaction::savepoint`]. It is rolled back when it is dropped.
///
/// `&mut Savepoint` is an executor of sqlx, which refuses what belongs into another home than the transaction's.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// let mut transaction = homes.begin()?;
/// sqlx::query("DELETE FROM orders WHERE country = 'PT'").execute(&mut transaction).await?;
///
/// // What is tried in it may fail, and the transaction goes on without it.
/// let mut savepoint = transaction.savepoint().await?;
/// let delete = "DELETE FROM orders WHERE country = 'FR'";
/// let refused = sqlx::query(delete).execute(&mut savepoint).await.unwrap_err();
/// assert!(refused.to_string().contains("the open transaction belongs to es"));
/// drop(savepoint);
/// transaction.commit().await?;
/// # Ok(()) }
/// ```
///
/// It borrows the transaction, which therefore cannot be ended before it:
///
/// ```compile_fail,E0505
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// let mut transaction = homes.begin()?;
/// sqlx::query("DELETE FROM orders WHERE country = 'PT'").execute(&mut transaction).await?;
/// let savepoint = transaction.savepoint().await?;
/// transaction.commit().await?;
/// savepoint.commit().await?;
/// # Ok(()) }
/// ```
#[must_use = "a savepoint is rolled back when it is dropped"]
pub struct Savepoint<'t, DB: Capability> {
    pub(crate) homes: &'t Homes<DB>,
    pub(crate) transaction: sqlx::Transaction<'t, DB>,
    pub(crate) lease: &'t Lease<DB>,
}

impl<DB: Capability> Savepoint<'_, DB> {
    /// Returns the home of the transaction.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let mut transaction = context::with(RoutingKey::new("ES"), || homes.begin())?;
    /// let savepoint = context::scope(RoutingKey::new("ES"), transaction.savepoint()).await?;
    /// assert_eq!(savepoint.home().as_str(), "es");
    /// # Ok(()) }
    /// ```
    pub fn home(&self) -> &Home {
        self.lease.home()
    }

    /// Sets a savepoint within this one.
    ///
    /// # Errors
    ///
    /// What the database fails with.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let mut transaction = homes.begin()?;
    /// sqlx::query("DELETE FROM orders WHERE country = 'ES'").execute(&mut transaction).await?;
    /// let mut outer = transaction.savepoint().await?;
    /// let mut inner = outer.savepoint().await?;
    /// sqlx::query("DELETE FROM orders WHERE country = 'PT'").execute(&mut inner).await?;
    /// inner.commit().await?;
    /// // What was done within is undone with it.
    /// outer.rollback().await?;
    /// let left: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut transaction).await?;
    /// assert_eq!(left, 1);
    /// # Ok(()) }
    /// ```
    pub async fn savepoint(&mut self) -> Result<Savepoint<'_, DB>, Error> {
        let transaction = self.lease.to_its_end(self.transaction.begin()).await?;
        Ok(Savepoint { homes: self.homes, transaction, lease: self.lease })
    }

    /// Keeps what was done since it was set, for the transaction to commit.
    ///
    /// # Errors
    ///
    /// What the database fails with.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let mut transaction = homes.begin()?;
    /// sqlx::query("DELETE FROM orders WHERE country = 'ES'").execute(&mut transaction).await?;
    /// let mut savepoint = transaction.savepoint().await?;
    /// sqlx::query("DELETE FROM orders WHERE country = 'PT'").execute(&mut savepoint).await?;
    /// savepoint.commit().await?;
    /// transaction.commit().await?;
    ///
    /// let left = "SELECT count(*) FROM orders WHERE country IN ('ES', 'PT')";
    /// assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&homes).await?, 0);
    /// # Ok(()) }
    /// ```
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.lease.to_its_end(self.transaction.commit()).await
    }

    /// Undoes what was done since it was set; the transaction goes on as it was before.
    ///
    /// # Errors
    ///
    /// What the database fails with.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let mut transaction = homes.begin()?;
    /// sqlx::query("DELETE FROM orders WHERE country = 'ES'").execute(&mut transaction).await?;
    /// let mut savepoint = transaction.savepoint().await?;
    /// sqlx::query("DELETE FROM orders WHERE country = 'PT'").execute(&mut savepoint).await?;
    /// savepoint.rollback().await?;
    /// transaction.commit().await?;
    ///
    /// let left = "SELECT count(*) FROM orders WHERE country IN ('ES', 'PT')";
    /// assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&homes).await?, 1);
    /// # Ok(()) }
    /// ```
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.lease.to_its_end(self.transaction.rollback()).await
    }
}

impl<DB: Capability> Transaction<DB> {
    /// Sets a savepoint, which is a transaction within this one: it is rolled back alone, and committed with this.
    ///
    /// # Errors
    ///
    /// What routing refuses, because before the first statement the context must say the home; and what a connection
    /// and the database fail with.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let mut transaction = homes.begin()?;
    /// sqlx::query("DELETE FROM orders WHERE country = 'PT'").execute(&mut transaction).await?;
    /// let mut savepoint = transaction.savepoint().await?;
    /// sqlx::query("DELETE FROM orders WHERE country = 'ES'").execute(&mut savepoint).await?;
    /// savepoint.rollback().await?;
    /// transaction.commit().await?;
    ///
    /// let left = "SELECT country FROM orders WHERE country IN ('ES', 'PT')";
    /// assert_eq!(sqlx::query_scalar::<_, String>(left).fetch_all(&homes).await?, ["ES"]);
    /// # Ok(()) }
    /// ```
    pub async fn savepoint(&mut self) -> Result<Savepoint<'_, DB>, Error> {
        if self.open.is_none() {
            let decided = self.homes.decide_write()?;
            self.open(decided).await?;
        }
        let open = self.open.as_mut().expect("it was opened");
        let transaction = open.lease.to_its_end(open.transaction.begin()).await?;
        Ok(Savepoint { homes: &self.homes, transaction, lease: &open.lease })
    }
}

impl<DB: Capability> Debug for Savepoint<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Savepoint({})", self.home())
    }
}

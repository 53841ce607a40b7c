//! Transactions, each of one home.

use std::fmt::{self, Debug};

use domicile::{Home, Operation, Origin};
use sqlx::Acquire;

use crate::Error;
use crate::capability::Capability;
use crate::decide::{Decided, UNKNOWN_TABLE};
use crate::facts::Facts;
use crate::homes::Homes;
use crate::lease::Lease;

/// A transaction, which belongs to one home from its first statement.
///
/// `&mut Transaction` is an executor of sqlx. The first statement decides the home as any statement does, and opens the
/// transaction there; a later one that belongs elsewhere is refused, and nothing of it is sent. Where the context said
/// a home when the transaction was begun, the first statement must agree with that, too. What is sent by [`Homes`] and
/// not by the transaction is not part of it, also while it is open: hand the transaction down.
///
/// It is rolled back when it is dropped without a commit.
///
/// ```
/// use domicile::{RoutingKey, context};
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// let mut transaction = homes.begin()?;
/// context::scope(RoutingKey::new("ES"), async {
///     sqlx::query("DELETE FROM orders WHERE amount = 3").execute(&mut transaction).await?;
///     sqlx::query("UPDATE orders SET amount = 8 WHERE amount = 5").execute(&mut transaction).await
/// })
/// .await?;
/// let elsewhere = sqlx::query("DELETE FROM orders").execute(&mut transaction);
/// let elsewhere = context::scope(RoutingKey::new("FR"), elsewhere).await;
/// assert!(elsewhere.unwrap_err().to_string().contains("the open transaction belongs to es"));
/// transaction.commit().await?;
/// # Ok(()) }
/// ```
#[must_use = "a transaction is rolled back when it is dropped"]
pub struct Transaction<DB: Capability> {
    pub(crate) homes: Homes<DB>,
    begun: Origin,
    open: Option<Open<DB>>,
}

pub(crate) struct Open<DB: Capability> {
    // Dropped before the lease is, so that nobody gets the connection with the transaction still open.
    pub(crate) transaction: sqlx::Transaction<'static, DB>,
    lease: Lease<DB>,
    home: Home,
}

impl<DB: Capability> Homes<DB> {
    /// Begins a transaction. Nothing is sent before its first statement.
    ///
    /// # Errors
    ///
    /// What routing refuses in the context here, such as an unknown key. That the context says no home is no error.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let mut transaction = context::with(RoutingKey::new("ES"), || homes.begin())?;
    /// // It was begun in the scope of Spain, so that its first statement must not be for France.
    /// let elsewhere = sqlx::query("DELETE FROM orders WHERE country = 'FR'").execute(&mut transaction).await;
    /// assert!(elsewhere.is_err());
    ///
    /// assert!(context::with(RoutingKey::new("Atlantis"), || homes.begin()).is_err());
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn begin(&self) -> Result<Transaction<DB>, Error> {
        let begun = Origin::caller();
        Ok(Transaction { homes: self.expecting(&begun)?, begun, open: None })
    }

    /// Returns a handle for a transaction that was begun there and has had no statement yet: where the context says a
    /// home here and now, every statement must agree with it. Used by adapters.
    ///
    /// # Errors
    ///
    /// As for [`begin`](Self::begin).
    ///
    /// ```
    /// use domicile::{Origin, RoutingKey, context};
    /// use domicile_sqlx::Unreadable;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// let expecting = context::with(RoutingKey::new("ES"), || homes.expecting(&Origin::caller()))?;
    /// assert!(expecting.decide("DELETE FROM orders WHERE country = 'PT'", &Unreadable).is_ok());
    /// let elsewhere = expecting.decide("DELETE FROM orders WHERE country = 'FR'", &Unreadable).unwrap_err();
    /// assert!(elsewhere.routing().unwrap().is_disagreement());
    /// # Ok(()) }
    /// ```
    pub fn expecting(&self, begun: &Origin) -> Result<Self, Error> {
        let mut homes = self.clone();
        match self.shared.routers.route(&self.facts.tell(Operation::write(UNKNOWN_TABLE))) {
            Ok(route) => {
                let why = format!("begun at {begun}, where it was {route}");
                homes.facts.transaction = Some((route.home().clone(), why.into()));
            }
            Err(error) if error.is_no_opinion() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(homes)
    }

    /// Returns a handle for the statements of a transaction that was begun there and opened by `first`: all must belong
    /// to its home, and those that do not say where they belong are sent there. Used by adapters.
    ///
    /// ```
    /// use domicile::Origin;
    /// use domicile_sqlx::Unreadable;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// let first = homes.decide("DELETE FROM orders WHERE country = 'ES'", &Unreadable)?;
    /// let pinned = homes.pinned(&Origin::caller(), &first);
    /// assert_eq!(pinned.decide("DELETE FROM orders", &Unreadable)?.route().home().as_str(), "es");
    /// let elsewhere = pinned.decide("DELETE FROM orders WHERE country = 'FR'", &Unreadable).unwrap_err();
    /// assert!(elsewhere.to_string().contains("the open transaction belongs to es"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn pinned(&self, begun: &Origin, first: &Decided<DB>) -> Self {
        let home = first.route().home().clone();
        let why = format!("begun at {begun}, opened by its first statement: {}", first.route());
        self.knowing(Facts { transaction: Some((home, why.into())), ..self.facts.clone() })
    }
}

impl<DB: Capability> Transaction<DB> {
    /// Returns the home that it belongs to; `None` before the first statement.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let mut transaction = homes.begin()?;
    /// assert_eq!(transaction.home(), None);
    /// sqlx::query("DELETE FROM orders WHERE country = 'FR'").execute(&mut transaction).await?;
    /// assert_eq!(transaction.home().unwrap().as_str(), "fr");
    /// # Ok(()) }
    /// ```
    pub fn home(&self) -> Option<&Home> {
        self.open.as_ref().map(|open| &open.home)
    }

    /// Commits it. One that has had no statement has nothing to commit.
    ///
    /// # Errors
    ///
    /// What the database fails with; nothing of it is kept then. Only where the connection broke meanwhile it is not
    /// known, because the commit may have arrived without an answer: look what is there before it is done again.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let mut transaction = homes.begin()?;
    /// let insert = "INSERT INTO orders (country, amount) VALUES ('PT', 7)";
    /// sqlx::query(insert).execute(&mut transaction).await?;
    /// transaction.commit().await?;
    ///
    /// let sum = "SELECT sum(amount) FROM orders WHERE country = 'PT'";
    /// assert_eq!(sqlx::query_scalar::<_, i64>(sum).fetch_one(&homes).await?, 5 + 7);
    /// # Ok(()) }
    /// ```
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self.open {
            Some(Open { transaction, lease, .. }) => {
                let committed = transaction.commit().await;
                drop(lease);
                committed
            }
            None => Ok(()),
        }
    }

    /// Rolls it back, and waits for that, while one that is dropped is rolled back before its connection is used again.
    ///
    /// # Errors
    ///
    /// What the database fails with; it is rolled back then as well, because the connection is closed.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let mut transaction = homes.begin()?;
    /// sqlx::query("DELETE FROM orders WHERE country = 'PT'").execute(&mut transaction).await?;
    /// transaction.rollback().await?;
    ///
    /// let left = "SELECT count(*) FROM orders WHERE country = 'PT'";
    /// assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_one(&homes).await?, 1);
    /// # Ok(()) }
    /// ```
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        match self.open {
            Some(Open { transaction, lease, .. }) => {
                let rolled_back = transaction.rollback().await;
                drop(lease);
                rolled_back
            }
            None => Ok(()),
        }
    }

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
        let transaction = open.transaction.begin().await?;
        Ok(Savepoint { homes: &self.homes, transaction, home: &open.home })
    }

    /// Opens it at the home of its first statement.
    pub(crate) async fn open(&mut self, decided: Decided<DB>) -> Result<&mut Open<DB>, Error> {
        if self.open.is_none() {
            let home = decided.route().home().clone();
            let (lease, connection) = decided.connect().await?;
            let transaction = lease.to_its_end(sqlx::Transaction::begin(connection, None)).await?;
            self.homes = self.homes.pinned(&self.begun, &decided);
            self.open = Some(Open { transaction, lease, home });
        }
        Ok(self.open.as_mut().expect("it was opened"))
    }
}

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
    home: &'t Home,
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
        self.home
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
        let transaction = self.transaction.begin().await?;
        Ok(Savepoint { homes: self.homes, transaction, home: self.home })
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
        self.transaction.commit().await
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
        self.transaction.rollback().await
    }
}

impl<DB: Capability> Debug for Transaction<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.home() {
            Some(home) => write!(f, "Transaction({home})"),
            None => f.write_str("Transaction(not opened)"),
        }
    }
}

impl<DB: Capability> Debug for Savepoint<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Savepoint({})", self.home)
    }
}

//! Transactions, each of one home.

use std::fmt::{self, Debug};

use crate::Error;
use crate::capability::Capability;
use crate::decide::{Decided, UNKNOWN_TABLE};
use crate::facts::Facts;
use crate::homes::Homes;
use crate::lease::Lease;
use domicile::{Home, Operation, Origin};

/// A transaction, which belongs to one home from its first statement.
///
/// `&mut Transaction` is an executor of sqlx. The first statement decides the home as any statement does, and opens the
/// transaction there; a later one that belongs elsewhere is refused, and nothing of it is sent. Where the context said
/// a home when the transaction was begun, the first statement must agree with that, too. What is sent by [`Homes`] and
/// not by the transaction is not part of it, also while it is open: hand the transaction down. It is opened at the
/// primary, also where its first statement only reads and the scope has [`ReplicaReads`](domicile::ReplicaReads).
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
    pub(crate) open: Option<Open<DB>>,
}

pub(crate) struct Open<DB: Capability> {
    // Dropped before the lease is, so that nobody gets the connection with the transaction still open.
    pub(crate) transaction: sqlx::Transaction<'static, DB>,
    pub(crate) lease: Lease<DB>,
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
    /// home here and now, every statement must agree with it. None of them is for a replica. Used by adapters.
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
        homes.facts.in_transaction = true;
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
        self.open.as_ref().map(|open| open.lease.home())
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
            Some(Open { transaction, lease }) => lease.to_its_end(transaction.commit()).await,
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
            Some(Open { transaction, lease }) => lease.to_its_end(transaction.rollback()).await,
            None => Ok(()),
        }
    }

    /// Opens it at the home of its first statement.
    pub(crate) async fn open(&mut self, decided: Decided<DB>) -> Result<&mut Open<DB>, Error> {
        if self.open.is_none() {
            let (lease, connection) = decided.connect().await?;
            let transaction = lease.to_its_end(sqlx::Transaction::begin(connection, None)).await?;
            self.homes = self.homes.pinned(&self.begun, &decided);
            self.open = Some(Open { transaction, lease });
        }
        Ok(self.open.as_mut().expect("it was opened"))
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

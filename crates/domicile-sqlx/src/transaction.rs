//! Transactions, each of one home.

use std::fmt::{self, Debug};

use domicile::{Home, Operation, Origin};
use sqlx::Acquire;

use crate::Error;
use crate::capability::Capability;
use crate::decide::{Decided, UNKNOWN_TABLE};
use crate::facts::Facts;
use crate::homes::Homes;
use crate::pool::Lease;

/// A transaction, which belongs to one home from its first statement.
///
/// `&mut Transaction` is an executor of sqlx. The first statement decides the home as any statement does, and opens the
/// transaction there; a later one that belongs elsewhere is refused, and nothing of it is sent. Where the context said a
/// home when the transaction was begun, the first statement must agree with that, too. What is sent by [`Homes`] and not by
/// the transaction is not part of it, also while it is open: hand the transaction down.
///
/// It is rolled back when it is dropped without a commit.
///
/// ```
/// # use domicile::{Chain, Home, Placement, PlacementRouter, context};
/// # use domicile_sqlx::Homes;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (es, fr) = (Home::new("es")?, Home::new("fr")?);
/// # let placement = Placement::builder().home(es.clone()).home(fr.clone()).build()?;
/// # let homes = Homes::<sqlx::Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
/// #     .home(es.clone(), "sqlite::memory:")
/// #     .home(fr.clone(), "sqlite::memory:")
/// #     .build()?;
/// let mut transaction = homes.begin()?;
/// context::scope(es, async {
///     sqlx::query("CREATE TABLE orders (id INTEGER)").execute(&mut transaction).await?;
///     sqlx::query("INSERT INTO orders VALUES (1)").execute(&mut transaction).await
/// })
/// .await?;
/// let elsewhere = context::scope(fr, sqlx::query("SELECT 1").execute(&mut transaction)).await;
/// assert!(elsewhere.unwrap_err().to_string().contains("the open transaction belongs to es"));
/// transaction.commit().await?;
/// # Ok(())
/// # }
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
    /// # use domicile::{Chain, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).build().unwrap();
    /// assert_eq!(homes.begin().unwrap().home(), None);
    /// ```
    #[track_caller]
    pub fn begin(&self) -> Result<Transaction<DB>, Error> {
        let begun = Origin::caller();
        Ok(Transaction { homes: self.expecting(&begun)?, begun, open: None })
    }

    /// Returns a handle for a transaction that was begun there and has had no statement yet: where the context says a home
    /// here and now, every statement must agree with it. Used by adapters.
    ///
    /// # Errors
    ///
    /// As for [`begin`](Self::begin).
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
    /// to its home. Used by adapters.
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
    /// # use domicile::{Chain, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).build().unwrap();
    /// assert_eq!(homes.begin().unwrap().home(), None);
    /// ```
    pub fn home(&self) -> Option<&Home> {
        self.open.as_ref().map(|open| &open.home)
    }

    /// Commits it. One that has had no statement has nothing to commit.
    ///
    /// # Errors
    ///
    /// What the database fails with.
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

    /// Rolls it back.
    ///
    /// # Errors
    ///
    /// What the database fails with; it is rolled back then as well, because the connection is closed.
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
    /// What routing refuses: before the first statement the context must say the home.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let es = Home::new("es")?;
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// # let homes = Homes::<sqlx::Sqlite>::builder(routers).home(es.clone(), "sqlite::memory:").build()?;
    /// let mut transaction = homes.on(es).begin()?;
    /// sqlx::query("CREATE TABLE orders (id INTEGER)").execute(&mut transaction).await?;
    /// let mut savepoint = transaction.savepoint().await?;
    /// sqlx::query("INSERT INTO orders VALUES (1)").execute(&mut savepoint).await?;
    /// savepoint.rollback().await?;
    /// let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut transaction).await?;
    /// assert_eq!(orders, 0);
    /// # Ok(())
    /// # }
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
            let lease = decided.lease().await?;
            let transaction = lease.guarded(async { Ok::<_, Error>(lease.pool().begin().await?) }).await?;
            self.homes = self.homes.pinned(&self.begun, &decided);
            self.open = Some(Open { transaction, lease, home });
        }
        Ok(self.open.as_mut().expect("it was opened"))
    }
}

/// A savepoint of a transaction; made by [`Transaction::savepoint`]. It is rolled back when it is dropped.
#[must_use = "a savepoint is rolled back when it is dropped"]
pub struct Savepoint<'t, DB: Capability> {
    pub(crate) homes: &'t Homes<DB>,
    pub(crate) transaction: sqlx::Transaction<'t, DB>,
    home: &'t Home,
}

impl<DB: Capability> Savepoint<'_, DB> {
    /// Returns the home of the transaction.
    pub fn home(&self) -> &Home {
        self.home
    }

    /// Sets a savepoint within this one.
    ///
    /// # Errors
    ///
    /// What the database fails with.
    pub async fn savepoint(&mut self) -> Result<Savepoint<'_, DB>, Error> {
        let transaction = self.transaction.begin().await?;
        Ok(Savepoint { homes: self.homes, transaction, home: self.home })
    }

    /// Keeps what was done since it was set, for the transaction to commit.
    ///
    /// # Errors
    ///
    /// What the database fails with.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await
    }

    /// Undoes what was done since it was set.
    ///
    /// # Errors
    ///
    /// What the database fails with.
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

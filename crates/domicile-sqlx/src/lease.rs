//! A connection while it is in use.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domicile::Home;
use futures::{Stream, TryStreamExt};
use sqlx::pool::PoolConnection;
use tokio::sync::OwnedSemaphorePermit;

use crate::Error;
use crate::capability::Capability;
use crate::deadline::Deadline;
use crate::pool::{Open, Pool};

/// A connection that is in use: nobody closes it, and nobody else gets it, until this is dropped. Made by
/// [`Decided::lease`](crate::Decided::lease); used by adapters.
///
/// It counts for the budget and for the connections of its home all the time, so do not keep it without need.
///
/// ```
/// use domicile::{RoutingKey, context};
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// let decided = context::with(RoutingKey::new("ES"), || homes.decide_write())?;
/// let lease = decided.lease().await?;
/// // Both statements have the same connection, and so the same temporary table.
/// sqlx::query("CREATE TEMPORARY TABLE seen (id INTEGER)").execute(lease.pool()).await?;
/// sqlx::query("INSERT INTO seen VALUES (1)").execute(lease.pool()).await?;
/// # Ok(()) }
/// ```
pub struct Lease<DB: Capability> {
    open: Option<Open<DB>>,
    pool: Arc<Pool<DB>>,
    deadline: Deadline,
    // Whether work on it has begun and not ended: cancelled work leaves a connection in a state that nobody knows.
    is_busy: AtomicBool,
    _turn: OwnedSemaphorePermit,
}

impl<DB: Capability> Lease<DB> {
    pub(crate) fn new(open: Open<DB>, pool: &Arc<Pool<DB>>, turn: OwnedSemaphorePermit, deadline: Deadline) -> Self {
        Self { open: Some(open), pool: Arc::clone(pool), deadline, is_busy: AtomicBool::new(false), _turn: turn }
    }

    /// Returns the connection as a pool of sqlx that holds it alone, for a library that knows only pools. What waits
    /// for a second connection of it waits in vain, until [`Builder::wait`](crate::Builder::wait) is over.
    ///
    /// The lease MUST live for as long as the pool or a clone of it is used: later the connection may be another's.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let lease = context::with(RoutingKey::new("ES"), || homes.decide_write())?.lease().await?;
    /// let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(lease.pool()).await?;
    /// assert_eq!((one, lease.pool().size()), (1, 1));
    /// # Ok(()) }
    /// ```
    pub fn pool(&self) -> &sqlx::Pool<DB> {
        &self.open().pool
    }

    /// Waits for `work` on this connection; if it died and the database that it was reopened to is not the home's, that
    /// is the error, and the connection is not used again. Neither is it if this is dropped before `work` has ended,
    /// because a statement may still be running on it.
    ///
    /// # Errors
    ///
    /// What `work` fails with, or [`Error::WrongHome`] and the like.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// use domicile_sqlx::Error;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let lease = context::with(RoutingKey::new("ES"), || homes.decide_write())?.lease().await?;
    /// let ask = sqlx::query_scalar("SELECT 1").fetch_one(lease.pool());
    /// let one: i64 = lease.guarded(async { ask.await.map_err(Error::from) }).await?;
    /// assert_eq!(one, 1);
    /// # Ok(()) }
    /// ```
    pub async fn guarded<T, E: From<Error>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.to_its_end(self.open().refused.or(work)).await
    }

    /// Waits for `work` on this connection. If it is cancelled the connection is closed and not used again: a statement may
    /// still be running on it, or a transaction be open.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let lease = context::with(RoutingKey::new("ES"), || homes.decide_write())?.lease().await?;
    /// let mut connection = lease.pool().acquire().await?;
    /// lease.to_its_end(sqlx::query("SELECT 1").execute(&mut *connection)).await?;
    /// # Ok(()) }
    /// ```
    pub async fn to_its_end<T>(&self, work: impl Future<Output = T>) -> T {
        self.is_busy.store(true, Ordering::Relaxed);
        let done = work.await;
        self.is_busy.store(false, Ordering::Relaxed);
        done
    }

    /// Waits for the next step of a statement on this connection. If the steps are not taken to the end, the connection is
    /// closed and not used again, because the statement may still be running on it.
    pub(crate) async fn step<T, E>(
        &self,
        steps: &mut (impl Stream<Item = Result<T, E>> + Unpin),
    ) -> Result<Option<T>, E> {
        self.is_busy.store(true, Ordering::Relaxed);
        let step = steps.try_next().await;
        self.is_busy.store(matches!(step, Ok(Some(_))), Ordering::Relaxed);
        step
    }

    /// Closes the connection when it is given back: for work that may leave something behind on it, as a migration does.
    /// A database in memory keeps its connection, with which its data would be gone.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let lease = context::with(RoutingKey::new("ES"), || homes.decide_write())?.lease().await?;
    /// sqlx::query("PRAGMA foreign_keys = OFF").execute(lease.pool()).await?;
    /// lease.discard();
    /// # Ok(()) }
    /// ```
    pub fn discard(&self) {
        self.is_busy.store(true, Ordering::Relaxed);
    }

    /// Keeps the connection when it is given back, after all: what it was [discarded](Self::discard) for has come to its
    /// end. For what cannot be waited for [to its end](Self::to_its_end) in one place, as the rows of a stream.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// use futures::TryStreamExt;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let lease = context::with(RoutingKey::new("ES"), || homes.decide_write())?.lease().await?;
    /// let mut rows = sqlx::query("SELECT 1").fetch(lease.pool());
    /// lease.discard();
    /// while rows.try_next().await?.is_some() {}
    /// lease.keep();
    /// # Ok(()) }
    /// ```
    pub fn keep(&self) {
        self.is_busy.store(false, Ordering::Relaxed);
    }

    /// Returns the home that it is a connection to.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let lease = context::with(RoutingKey::new("PT"), || homes.decide_write())?.lease().await?;
    /// assert_eq!(lease.home().as_str(), "es");
    /// # Ok(()) }
    /// ```
    pub fn home(&self) -> &Home {
        self.pool.home()
    }

    /// Returns how long it is waited for a connection; see [`Builder::wait`](crate::Builder::wait).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use domicile::{Home, RoutingKey, context};
    /// use domicile_sqlx::Homes;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown {
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers())
    ///     .home(Home::new("es")?, "sqlite::memory:")
    ///     .wait(Duration::from_secs(3))
    ///     .build()?;
    /// let lease = context::with(RoutingKey::new("ES"), || homes.decide_write())?.lease().await?;
    /// assert_eq!(lease.wait(), Duration::from_secs(3));
    /// # Ok(()) }
    /// ```
    pub fn wait(&self) -> Duration {
        self.deadline.wait()
    }

    /// Takes the connection itself, and makes sure that it answers, by what is left of the time for getting it.
    pub(crate) async fn acquire(&self) -> Result<PoolConnection<DB>, Error> {
        // Boxed, because sqlx's future is large, and each wait around it would move it once more for each statement.
        let acquired = self.deadline.answer(Box::pin(self.open().acquire())).await;
        self.pool.note(acquired, self.deadline).inspect_err(|_| self.discard())
    }

    fn open(&self) -> &Open<DB> {
        self.open.as_ref().expect("the connection is there until the lease is dropped")
    }
}

impl<DB: Capability> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.pool.give_back(open, !self.is_busy.load(Ordering::Relaxed));
    }
}

impl<DB: Capability> Debug for Lease<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.pool.home())
    }
}

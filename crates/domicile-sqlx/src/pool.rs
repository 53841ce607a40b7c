//! The connections of one database.
//!
//! Each connection is a pool of sqlx of its own, of one connection: that reopens it when it has died and rolls back what
//! was left open, and a library that knows only pools, as SeaORM does, can use it. How many there are is decided here,
//! to the connection, which sqlx's pools cannot do across databases.

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::FutureExt;
use sqlx::pool::{PoolConnection, PoolOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::Error;
use crate::budget::{Budget, Holder, Idle, Share};
use crate::capability::{Capability, Options};
use crate::handshake::{Handshake, Refused};

/// The bounds of one database's connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many there may be.
    pub(crate) connections_max: usize,
    /// How long it is waited for one, and for the database to answer.
    pub(crate) wait: Duration,
}

/// The connections of one database.
pub(crate) struct Pool<DB: Capability> {
    options: Options<DB>,
    handshake: Handshake,
    bounds: Bounds,
    budget: Budget,
    turns: Arc<Semaphore>,
    leases: AtomicU64,
    // The one that was used last is used next, so that the others can be closed.
    idle: Mutex<VecDeque<Open<DB>>>,
}

/// One open connection.
struct Open<DB: Capability> {
    pool: sqlx::Pool<DB>,
    refused: Arc<Refused>,
    idle_since: Instant,
    share: Share,
}

enum Free<DB: Capability> {
    Open(Box<Open<DB>>),
    Share(Share),
}

impl<DB: Capability> Pool<DB> {
    pub(crate) fn new(options: Options<DB>, handshake: Handshake, bounds: Bounds, budget: &Budget) -> Arc<Self> {
        // What is in memory is one connection's own.
        let connections_max = if DB::is_transient(&options) { 1 } else { bounds.connections_max };
        let pool = Arc::new(Self {
            options,
            handshake,
            bounds: Bounds { connections_max, ..bounds },
            budget: budget.clone(),
            turns: Arc::new(Semaphore::new(connections_max)),
            leases: AtomicU64::new(0),
            idle: Mutex::default(),
        });
        let holder: Weak<dyn Holder> = Arc::downgrade(&pool) as Weak<dyn Holder>;
        budget.join(holder);
        pool
    }

    /// Takes a connection for as long as the lease lives.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease<DB>, Error> {
        let lease = match self.lease_idle() {
            Some(lease) => lease,
            None => self.lease_or_open(&self.handshake).await?,
        };
        self.leases.fetch_add(1, Ordering::Relaxed);
        Ok(lease)
    }

    /// How many times a connection was taken.
    pub(crate) fn leases(&self) -> u64 {
        self.leases.load(Ordering::Relaxed)
    }

    /// Takes a connection to a database that need not carry a marker, because it is about to get one.
    pub(crate) async fn lease_to_mark(self: &Arc<Self>) -> Result<Lease<DB>, Error> {
        self.lease_or_open(&Handshake { needs_marker: false, ..self.handshake.clone() }).await
    }

    async fn lease_or_open(self: &Arc<Self>, handshake: &Handshake) -> Result<Lease<DB>, Error> {
        let waited = timeout(self.bounds.wait, async {
            let turn = Arc::clone(&self.turns).acquire_owned().await.expect("turns are never closed");
            (turn, self.free().await)
        });
        let (turn, free) = waited.await.map_err(|_| self.exhausted())?;
        let open = match free {
            Free::Open(open) => *open,
            Free::Share(share) => self.connect(share, handshake).await?,
        };
        Ok(Lease { open: Some(open), pool: Arc::clone(self), is_busy: AtomicBool::new(false), _turn: turn })
    }

    /// The quick way: a connection that is there and free.
    fn lease_idle(self: &Arc<Self>) -> Option<Lease<DB>> {
        let turn = Arc::clone(&self.turns).try_acquire_owned().ok()?;
        let open = self.idle().pop_back()?;
        Some(Lease { open: Some(open), pool: Arc::clone(self), is_busy: AtomicBool::new(false), _turn: turn })
    }

    /// Waits for a connection that is idle, or for a share of the budget to open one.
    async fn free(&self) -> Free<DB> {
        loop {
            let mut returned = std::pin::pin!(self.budget.returned());
            // From here on nothing that is given back is missed.
            returned.as_mut().enable();
            let idle = self.idle().pop_back();
            if let Some(open) = idle {
                return Free::Open(Box::new(open));
            }
            let share = match self.budget.try_share() {
                Some(share) => Some(share),
                None => self.budget.take_over().await,
            };
            match share {
                Some(share) => return Free::Share(share),
                None => returned.await,
            }
        }
    }

    async fn connect(&self, share: Share, handshake: &Handshake) -> Result<Open<DB>, Error> {
        let refused = Arc::new(Refused::default());
        let (handshake, tell) = (handshake.clone(), Arc::clone(&refused));
        let pool = PoolOptions::<DB>::new()
            .max_connections(1)
            .acquire_timeout(self.bounds.wait)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection, _| {
                let (handshake, tell) = (handshake.clone(), Arc::clone(&tell));
                async move {
                    let shaken = handshake.shake::<DB>(connection).await;
                    shaken.map_err(|why| {
                        tell.tell(why);
                        sqlx::Error::PoolClosed
                    })
                }
                .boxed()
            })
            .connect_lazy_with(self.options.clone());
        let open = Open { pool, refused, idle_since: Instant::now(), share };
        open.acquire().await.map_err(|error| match error {
            Error::Database(source) => Error::Connect { home: self.handshake.home.clone(), source },
            refusal => refusal,
        })?;
        Ok(open)
    }

    fn exhausted(&self) -> Error {
        let used = if self.turns.available_permits() == 0 {
            format!("all {} of the home are in use", self.bounds.connections_max)
        } else {
            format!("all {} of the budget are in use", self.budget.max())
        };
        Error::Exhausted { home: self.handshake.home.clone(), seconds: self.bounds.wait.as_secs(), used }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<Open<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Capability> Open<DB> {
    /// Closes it, and gives its share of the budget back when it is closed.
    fn close(self) {
        let Self { pool, share, .. } = self;
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                pool.close().await;
                drop(share);
            });
        }
    }

    async fn acquire(&self) -> Result<PoolConnection<DB>, Error> {
        self.refused.or(self.pool.acquire().map(|acquired| acquired.map_err(Error::Database))).await
    }
}

impl<DB: Capability> Holder for Pool<DB> {
    fn idle_since(&self) -> Option<Instant> {
        if DB::is_transient(&self.options) {
            return None;
        }
        self.idle().front().map(|open| open.idle_since)
    }

    fn take_idle(&self, before: Instant) -> Option<Idle> {
        let mut idle = self.idle();
        if idle.front()?.idle_since > before {
            return None;
        }
        let Open { pool, share, .. } = idle.pop_front()?;
        Some(Idle { close: async move { pool.close().await }.boxed(), share })
    }
}

impl<DB: Capability> Debug for Pool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({})", self.handshake.home)
    }
}

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
    // Whether work on it has begun and not ended: cancelled work leaves a connection in a state that nobody knows.
    is_busy: AtomicBool,
    _turn: OwnedSemaphorePermit,
}

impl<DB: Capability> Lease<DB> {
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
    pub(crate) async fn to_its_end<T>(&self, work: impl Future<Output = T>) -> T {
        self.is_busy.store(true, Ordering::Relaxed);
        let done = work.await;
        self.is_busy.store(false, Ordering::Relaxed);
        done
    }

    /// Closes the connection when it is given back.
    pub(crate) fn discard(&self) {
        self.is_busy.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn acquire(&self) -> Result<PoolConnection<DB>, Error> {
        self.open().acquire().await
    }

    fn open(&self) -> &Open<DB> {
        self.open.as_ref().expect("the connection is there until the lease is dropped")
    }
}

impl<DB: Capability> Drop for Lease<DB> {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        // What is in memory would be gone with its connection.
        let is_busy = self.is_busy.load(Ordering::Relaxed) && !DB::is_transient(&self.pool.options);
        if is_busy || open.refused.has_told() {
            open.close();
        } else {
            self.pool.idle().push_back(Open { idle_since: Instant::now(), ..open });
        }
        self.pool.budget.tell_returned();
    }
}

impl<DB: Capability> Debug for Lease<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.pool.handshake.home)
    }
}

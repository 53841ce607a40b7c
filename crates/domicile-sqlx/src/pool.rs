//! The connections of one database.
//!
//! Each connection is a pool of sqlx of its own, of one connection: that reopens it when it has died and rolls back what
//! was left open, and a library that knows only pools, as SeaORM does, can use it. How many there are is decided here,
//! to the connection, which sqlx's pools cannot do across databases.

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use domicile::Home;
use futures::FutureExt;
use sqlx::Connection;
use sqlx::pool::{PoolConnection, PoolOptions};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::Error;
use crate::attempts::Attempts;
use crate::budget::{Budget, Holder, Idle, Share};
use crate::capability::{Capability, Options};
use crate::deadline::{Deadline, NoAnswer};
use crate::handshake::{self, Handshake, Marker, Refused};
use crate::lease::Lease;

/// How long it is waited for a connection to be closed, whose server may have fallen silent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The bounds of one database's connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many there may be.
    pub(crate) connections_max: usize,
    /// How long it is waited for one that answers.
    pub(crate) wait: Duration,
}

/// The connections of one database.
pub(crate) struct Pool<DB: Capability> {
    options: Options<DB>,
    handshake: Handshake,
    // While this lives, what the database says that it is belongs to this home.
    _holder: Arc<handshake::Holder>,
    bounds: Bounds,
    budget: Budget,
    attempts: Attempts,
    turns: Arc<Semaphore>,
    leases: AtomicU64,
    // The one that was used last is used next, so that the others can be closed.
    idle: Mutex<VecDeque<Open<DB>>>,
}

/// One open connection.
pub(crate) struct Open<DB: Capability> {
    pub(crate) pool: sqlx::Pool<DB>,
    pub(crate) refused: Arc<Refused>,
    idle_since: Instant,
    share: Share,
}

enum Free<DB: Capability> {
    Open(Box<Open<DB>>),
    Share(Share),
}

impl<DB: Capability> Pool<DB> {
    pub(crate) fn new(
        options: Options<DB>,
        handshake: Handshake,
        holder: &Arc<handshake::Holder>,
        bounds: Bounds,
        budget: &Budget,
    ) -> Arc<Self> {
        // What is in memory is one connection's own.
        let connections_max = if DB::is_transient(&options) { 1 } else { bounds.connections_max };
        let connections_max = connections_max.clamp(1, Semaphore::MAX_PERMITS);
        let pool = Arc::new(Self {
            options,
            handshake,
            _holder: Arc::clone(holder),
            bounds: Bounds { connections_max, ..bounds },
            budget: budget.clone(),
            attempts: Attempts::default(),
            turns: Arc::new(Semaphore::new(connections_max)),
            leases: AtomicU64::new(0),
            idle: Mutex::default(),
        });
        let holder: Weak<dyn Holder> = Arc::downgrade(&pool) as Weak<dyn Holder>;
        budget.join(holder);
        pool
    }

    /// Takes a connection for as long as the lease lives. That it answers is known of a new one only; one that was idle
    /// is asked by [`Lease::acquire`].
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease<DB>, Error> {
        self.lease_by(self.deadline()).await
    }

    /// Takes a connection that answers.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        deadline: Deadline,
    ) -> Result<(Lease<DB>, PoolConnection<DB>), Error> {
        let lease = self.lease_by(deadline).await?;
        let connection = lease.acquire().await?;
        Ok((lease, connection))
    }

    /// Takes a connection to a database that need not carry a marker, because it is about to get one.
    pub(crate) async fn lease_to_mark(self: &Arc<Self>) -> Result<Lease<DB>, Error> {
        let handshake = Handshake { marker: Marker::Coming, ..self.handshake.clone() };
        self.lease_or_open(&handshake, self.deadline()).await
    }

    /// How many times a connection was taken.
    pub(crate) fn leases(&self) -> u64 {
        self.leases.load(Ordering::Relaxed)
    }

    /// The deadline of what is begun now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.bounds.wait)
    }

    /// Whether it did not answer, and is left in peace for as long as it is waited for a connection.
    pub(crate) fn is_resting(&self) -> bool {
        self.attempts.is_down_since_less_than(self.bounds.wait)
    }

    async fn lease_by(self: &Arc<Self>, deadline: Deadline) -> Result<Lease<DB>, Error> {
        let lease = match self.lease_idle(deadline) {
            Some(lease) => lease,
            // Boxed, because what opens a connection is some kilobytes large, and would be moved for each statement.
            None => Box::pin(self.lease_or_open(&self.handshake, deadline)).await?,
        };
        self.leases.fetch_add(1, Ordering::Relaxed);
        Ok(lease)
    }

    /// The quick way: a connection that is there and free, to a database that answers.
    fn lease_idle(self: &Arc<Self>, deadline: Deadline) -> Option<Lease<DB>> {
        if !self.attempts.answers() {
            return None;
        }
        let turn = Arc::clone(&self.turns).try_acquire_owned().ok()?;
        let open = self.idle().pop_back()?;
        Some(Lease::new(open, self, turn, deadline))
    }

    async fn lease_or_open(self: &Arc<Self>, handshake: &Handshake, deadline: Deadline) -> Result<Lease<DB>, Error> {
        let attempt = match deadline.turn(self.attempts.turn()).await {
            Some(Ok(attempt)) => attempt,
            Some(Err(why)) => return Err(self.cannot_connect(why)),
            None => return Err(self.cannot_connect(Arc::new(no_answer(deadline)))),
        };
        let turn = deadline.turn(Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.ok_or_else(|| {
            self.exhausted(deadline, format!("all {} to its database are in use", self.bounds.connections_max))
        })?;
        let turn = turn.expect("turns are never closed");
        let _among_attempts = match &attempt {
            Some(_) => Some(deadline.turn(self.budget.attempt()).await.ok_or_else(|| {
                let used = "the half of the budget that is for databases that do not answer is in use".into();
                self.exhausted(deadline, used)
            })?),
            None => None,
        };
        let free = deadline
            .turn(self.free())
            .await
            .ok_or_else(|| self.exhausted(deadline, format!("all {} of the budget are in use", self.budget.max())))?;
        let (open, is_new) = match free {
            Free::Open(open) => (*open, false),
            Free::Share(share) => (self.open(share, handshake), true),
        };
        if is_new || attempt.is_some() {
            self.reach(&open, deadline).await?;
        }
        Ok(Lease::new(open, self, turn, deadline))
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

    /// What is connected to when it is first used.
    fn open(&self, share: Share, handshake: &Handshake) -> Open<DB> {
        let refused = Arc::new(Refused::default());
        let (handshake, tell) = (handshake.clone(), Arc::clone(&refused));
        let pool = PoolOptions::<DB>::new()
            .max_connections(1)
            .acquire_timeout(self.bounds.wait)
            .idle_timeout(None)
            .max_lifetime(None)
            // Cancelled half-way, that would close a connection, and what is in memory would be gone with it.
            .test_before_acquire(!self.is_transient())
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
        Open { pool, refused, idle_since: Instant::now(), share }
    }

    /// Makes sure that a connection answers.
    async fn reach(&self, open: &Open<DB>, deadline: Deadline) -> Result<(), Error> {
        let is_down = self.attempts.is_down() && !DB::is_transient(&self.options);
        let reach = async {
            // sqlx tries one that refuses connections again and again, since it may be starting up. Where that was done
            // in vain already, its refusal is told at once.
            if is_down {
                DB::Connection::connect_with(&self.options).await?.close().await?;
            }
            open.acquire().await.map(drop)
        };
        let reached = deadline.answer(reach).await;
        self.note(reached, deadline)
    }

    /// Notes whether the database has answered.
    pub(crate) fn note<T>(&self, answer: Result<Result<T, Error>, NoAnswer>, deadline: Deadline) -> Result<T, Error> {
        let why = match answer {
            Ok(Ok(answer)) => {
                self.attempts.has_answered();
                return Ok(answer);
            }
            Err(NoAnswer::AskedLate) => {
                return Err(self.exhausted(deadline, "the first came too late to ask whether it answers".into()));
            }
            Ok(Err(Error::Database(sqlx::Error::PoolTimedOut))) | Err(NoAnswer::Silent) => no_answer(deadline),
            Ok(Err(Error::Database(why))) => why,
            Ok(Err(refusal)) => return Err(refusal),
        };
        let why = Arc::new(why);
        self.attempts.has_failed(Arc::clone(&why));
        Err(self.cannot_connect(why))
    }

    fn cannot_connect(&self, why: Arc<sqlx::Error>) -> Error {
        Error::Connect { home: self.handshake.home.clone(), why }
    }

    fn exhausted(&self, deadline: Deadline, used: String) -> Error {
        Error::Exhausted { home: self.handshake.home.clone(), waited: deadline.wait(), used }
    }

    /// Whether its data is gone with its connection.
    pub(crate) fn is_transient(&self) -> bool {
        DB::is_transient(&self.options)
    }

    pub(crate) fn home(&self) -> &Home {
        &self.handshake.home
    }

    /// Takes a connection back that is not in use any more.
    pub(crate) fn give_back(&self, open: Open<DB>, is_sound: bool) {
        // What is in memory would be gone with its connection.
        if open.refused.has_told() || !(is_sound || self.is_transient()) {
            open.close();
        } else {
            self.idle().push_back(Open { idle_since: Instant::now(), ..open });
        }
        self.budget.tell_returned();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<Open<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_answer(deadline: Deadline) -> sqlx::Error {
    let why = format!("it has not answered within {:?}", deadline.wait());
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, why))
}

impl<DB: Capability> Open<DB> {
    /// Closes it, and gives its share of the budget back when it is closed.
    fn close(self) {
        let Self { pool, share, .. } = self;
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                close(pool).await;
                drop(share);
            });
        }
    }

    pub(crate) async fn acquire(&self) -> Result<PoolConnection<DB>, Error> {
        self.refused.or(self.pool.acquire().map(|acquired| acquired.map_err(Error::Database))).await
    }
}

/// Closes a connection; one whose server is silent is given up after a time.
async fn close<DB: Capability>(pool: sqlx::Pool<DB>) {
    // Late or not, there is no more that could be done.
    let _ = timeout(CLOSE_TIMEOUT, pool.close()).await;
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
        Some(Idle { close: close(pool).boxed(), share })
    }
}

impl<DB: Capability> Debug for Pool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({})", self.handshake.home)
    }
}

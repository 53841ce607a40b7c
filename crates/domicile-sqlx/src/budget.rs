//! How many connections the process may have open.

use std::fmt::{self, Debug};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How long a connection that nobody uses stays open, unless the budget says otherwise.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// How long it stays open at least: it is looked twice in that time.
const IDLE_TIMEOUT_MIN: Duration = Duration::from_millis(10);

/// A bound on the open connections of the process, shared by all homes that were built with it, of whatever database.
///
/// A connection counts from before it is opened until it is closed, be it in use or idle; one whose server does not even
/// answer while it is closed is given up after 2 s. When the budget is used up and a home needs one more, the connection
/// that has been idle for longest is closed, whichever home it is of. One that is in use is never closed; if all are, it
/// is waited for one of them. Databases that have not answered yet, or did not the last time, are connected to with at
/// most half of the budget, so that homes that are down leave room for the others.
///
/// Clones are the same budget.
///
/// ```
/// use std::time::Duration;
///
/// use domicile_sqlx::Budget;
///
/// let budget = Budget::new(50).close_idle_after(Duration::from_secs(60));
/// assert_eq!((budget.max(), budget.open()), (50, 0));
/// ```
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    max: usize,
    permits: Arc<Semaphore>,
    // So many may be opened at a time to databases that may not answer.
    attempts: Semaphore,
    idle_timeout: Mutex<Duration>,
    // Told when that was changed.
    retimed: Arc<Notify>,
    // Those whose idle connections may be closed.
    holders: Mutex<Vec<Weak<dyn Holder>>>,
    // Told when a connection has become idle or was closed, to one who waits: whoever that is can use it.
    returned: Notify,
    is_swept: AtomicBool,
}

/// Who holds idle connections of the budget.
pub(crate) trait Holder: Send + Sync {
    /// Since when its longest idle connection has been so; `None` if it has none that may be closed.
    fn idle_since(&self) -> Option<Instant>;

    /// Takes its longest idle connection, if there is one and it has been idle since `before`.
    fn take_idle(&self, before: Instant) -> Option<Idle>;
}

/// A connection that was taken to be closed.
pub(crate) struct Idle {
    pub(crate) close: BoxFuture<'static, ()>,
    pub(crate) share: Share,
}

/// One open connection's share of the budget.
pub(crate) struct Share {
    permit: Option<OwnedSemaphorePermit>,
    budget: Budget,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.permit = None;
        self.budget.shared.returned.notify_one();
    }
}

impl Budget {
    /// Makes a budget of at most so many connections; at least one.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    ///
    /// ```
    /// assert_eq!(domicile_sqlx::Budget::new(50).max(), 50);
    /// ```
    pub fn new(max: usize) -> Self {
        assert!(max > 0, "a budget of no connections opens no home");
        let max = max.min(Semaphore::MAX_PERMITS);
        let shared = Shared {
            max,
            permits: Arc::new(Semaphore::new(max)),
            attempts: Semaphore::new((max / 2).max(1)),
            idle_timeout: Mutex::new(IDLE_TIMEOUT),
            retimed: Arc::default(),
            holders: Mutex::default(),
            returned: Notify::new(),
            is_swept: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Says how long a connection that nobody uses stays open, for all clones; 5 minutes unless it is said, and at least
    /// 10 ms. It is closed before half as much again has passed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let budget = domicile_sqlx::Budget::new(50).close_idle_after(Duration::from_secs(60));
    /// assert_eq!(budget.max(), 50);
    /// ```
    #[must_use]
    pub fn close_idle_after(self, idle_timeout: Duration) -> Self {
        *self.idle_timeout() = idle_timeout.max(IDLE_TIMEOUT_MIN);
        self.shared.retimed.notify_one();
        self
    }

    /// Returns how many connections may be open.
    ///
    /// ```
    /// assert_eq!(domicile_sqlx::Budget::new(50).max(), 50);
    /// ```
    pub fn max(&self) -> usize {
        self.shared.max
    }

    /// Returns how many connections are open now, those that are being opened or closed included.
    ///
    /// ```
    /// assert_eq!(domicile_sqlx::Budget::new(50).open(), 0);
    /// ```
    pub fn open(&self) -> usize {
        self.shared.max - self.shared.permits.available_permits()
    }

    pub(crate) fn join(&self, holder: Weak<dyn Holder>) {
        let mut holders = self.holders();
        holders.retain(|holder| holder.strong_count() > 0);
        holders.push(holder);
    }

    pub(crate) fn try_share(&self) -> Option<Share> {
        let permit = Arc::clone(&self.shared.permits).try_acquire_owned().ok()?;
        Some(Share { permit: Some(permit), budget: self.clone() })
    }

    /// Closes the connection that has been idle for longest, and returns its share.
    pub(crate) async fn take_over(&self) -> Option<Share> {
        let idle = self.take_longest_idle(Instant::now())?;
        idle.close.await;
        Some(idle.share)
    }

    /// Completes when a connection has been given back or closed after this call, for one of those who wait. One who does
    /// not wait any more passes it on.
    pub(crate) fn returned(&self) -> tokio::sync::futures::Notified<'_> {
        self.shared.returned.notified()
    }

    pub(crate) fn tell_returned(&self) {
        self.shared.returned.notify_one();
        self.sweep_from_now_on();
    }

    /// Waits until a database that may not answer may be tried. Such attempts never take more than half of the budget,
    /// so that homes that are down leave room for the others.
    pub(crate) async fn attempt(&self) -> SemaphorePermit<'_> {
        self.shared.attempts.acquire().await.expect("attempts are never closed")
    }

    fn take_longest_idle(&self, before: Instant) -> Option<Idle> {
        // Another task may take what was seen here, so that it is looked again; each time somebody else got one.
        loop {
            let holders: Vec<_> = self.holders().iter().filter_map(Weak::upgrade).collect();
            let idle = holders.iter().filter_map(|holder| Some((holder.idle_since()?, holder)));
            let (since, holder) = idle.min_by_key(|(since, _)| *since)?;
            if since > before {
                return None;
            }
            if let Some(idle) = holder.take_idle(before) {
                return Some(idle);
            }
        }
    }

    /// Starts the task that closes what has been idle for too long, unless it runs. It ends with the budget, or with its
    /// runtime, and then the next connection that is given back starts it again.
    fn sweep_from_now_on(&self) {
        if self.shared.is_swept.load(Ordering::Acquire) {
            return;
        }
        // Without one nothing could be waited for, and what is given back there is closed by who sweeps later.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.shared.is_swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let (running, retimed) = (Running(Arc::downgrade(&self.shared)), Arc::clone(&self.shared.retimed));
        runtime.spawn(async move {
            while let Some(idle_timeout) = running.0.upgrade().map(|shared| *Self { shared }.idle_timeout()) {
                tokio::select! {
                    () = tokio::time::sleep(idle_timeout / 2) => {}
                    () = retimed.notified() => continue,
                }
                let Some(shared) = running.0.upgrade() else { return };
                Self { shared }.sweep().await;
            }
        });
    }

    async fn sweep(&self) {
        let idle_timeout = *self.idle_timeout();
        let Some(before) = Instant::now().checked_sub(idle_timeout) else { return };
        while let Some(idle) = self.take_longest_idle(before) {
            idle.close.await;
        }
    }

    fn idle_timeout(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.shared.idle_timeout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holders(&self) -> std::sync::MutexGuard<'_, Vec<Weak<dyn Holder>>> {
        self.shared.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the sweeping task is gone, also when its runtime was shut down around it.
struct Running(Weak<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.is_swept.store(false, Ordering::Release);
        }
    }
}

impl Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({} of {} connections open)", self.open(), self.max())
    }
}

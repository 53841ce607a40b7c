//! The context: ambient values, keyed by type, that are in scope here.
//!
//! There is one store, with a getter ([`get`], [`read`], [`copied`]), a setter ([`set`]) and a deleter ([`remove`]).
//! Scopes are the usual way to set a value: [`with`] for a closure, [`enter`] for the rest of a block and [`scope`] for a
//! future. Leaving a scope restores exactly what was there before: on return, on `?`, on panic and on cancellation.
//!
//! ```
//! use domicile::context;
//!
//! #[derive(Debug)]
//! struct Country(&'static str);
//!
//! fn country() -> Option<&'static str> {
//!     context::get::<Country>().map(|country| country.0)
//! }
//!
//! context::with(Country("ES"), || {
//!     assert_eq!(country(), Some("ES"));
//!     context::with(Country("FR"), || assert_eq!(country(), Some("FR")));
//!     assert_eq!(country(), Some("ES"));
//! });
//! assert_eq!(country(), None);
//! ```
//!
//! # Guarantees
//!
//! - **Nothing is inherited silently.** A new thread and a spawned task start empty. This also holds for a tokio task
//!   that runs on the very thread whose scope is open, as on a current-thread runtime or in a `LocalSet`. To carry the
//!   values over, capture [`Context::current`] and open a scope from it on the other side.
//! - **Values are immutable** and remember where they were set.
//! - **No function here panics**, also when it is called from a value's `Drop` or `Debug` or from within [`read`].
//! - While a thread is destroying its thread-locals, the context is empty.
//!
//! Tasks are told apart by tokio's task id. Futures that other executors run on one thread, or that are joined within
//! one task, are told apart by [`scope`] only; do not hold a [`Guard`] across their `.await`.

mod entry;
mod guard;
mod held;
mod kept;
mod look;
mod origin;
mod scoped;
mod slot;
mod snapshot;
mod stack;
mod thread;
mod typed;

use std::fmt::Debug;
use std::panic::Location;
use std::sync::Arc;

pub use entry::Entry;
pub use guard::Guard;
pub(crate) use look::{Found, look, look_at};
pub use origin::Origin;
pub use scoped::Scoped;
pub use snapshot::Context;

use crate::Error;
use guard::Entered;
use slot::Holds;

/// Returns the value of type `T` that is in scope here.
///
/// ```
/// use domicile::{RoutingKey, context};
///
/// assert_eq!(context::get::<RoutingKey>(), None);
/// context::with(RoutingKey::new("ES"), || {
///     assert_eq!(context::get::<RoutingKey>().unwrap().as_str(), "ES");
/// });
/// ```
pub fn get<T: Send + Sync + Debug + 'static>() -> Option<Arc<T>> {
    entry::downcast(thread::shared::<T>()?)
}

/// Copies the value of type `T` that is in scope here.
///
/// This is the fastest way to look at a small value. It touches no memory that other threads share.
///
/// ```
/// use domicile::context;
///
/// assert_eq!(context::copied::<u32>(), None);
/// assert_eq!(context::with(7_u32, context::copied::<u32>), Some(7));
/// ```
#[inline]
pub fn copied<T: Copy + Send + Sync + Debug + 'static>() -> Option<T> {
    thread::copied()
}

/// Calls `f` with the value of type `T` that is in scope here, without counting a reference to it.
///
/// This is [`get`] for hot paths: it touches no memory that other threads share. `f` may itself use the context in any
/// way; what it sets is seen after it, while the reference that it was given stays as it was.
///
/// ```
/// use domicile::{RoutingKey, context};
///
/// let is_spain = || context::read::<RoutingKey, _>(|key| key.is_some_and(|key| key.as_str() == "ES"));
/// assert!(!is_spain());
/// assert!(context::with(RoutingKey::new("ES"), is_spain));
/// ```
pub fn read<T: Send + Sync + Debug + 'static, R>(f: impl FnOnce(Option<&T>) -> R) -> R {
    let pinned = thread::pinned::<T>();
    f(pinned.as_deref().and_then(Holds::value))
}

/// Sets the value in the innermost scope that is open here, and returns the value that it replaces there.
///
/// The value is gone when that scope is left. With no scope open it belongs to the thread, until it is removed.
///
/// # Errors
///
/// [`Error::is_unscoped_set`] inside a tokio runtime when the task has no scope open: the value would leak into
/// whatever task runs next on this thread. Open one with [`scope`]. Also while the thread is being destroyed.
///
/// ```
/// use domicile::{RoutingKey, context};
///
/// # fn main() -> Result<(), domicile::Error> {
/// context::with(RoutingKey::new("ES"), || {
///     let before = context::set(RoutingKey::new("FR"))?;
///     assert_eq!(before.unwrap().as_str(), "ES");
///     assert_eq!(context::get::<RoutingKey>().unwrap().as_str(), "FR");
///     Ok::<(), domicile::Error>(())
/// })?;
/// assert_eq!(context::get::<RoutingKey>(), None);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn set<T: Send + Sync + Debug + 'static>(value: T) -> Result<Option<Arc<T>>, Error> {
    let entry = Entry::new(value);
    let caller = Origin::caller();
    let before = thread::update(|context| context.with_entry(entry))
        .map_err(|refusal| Error::unscoped_set("set", entry::short_name::<T>(), &caller, refusal.why()))?;
    Ok(before.get::<T>())
}

/// Removes the value of type `T` from the innermost scope that is open here, and returns it.
///
/// Within that scope the value is then absent, also when an outer scope has one; leaving the scope brings the outer
/// one's value back.
///
/// # Errors
///
/// [`Error::is_unscoped_set`] where [`set`] would be refused.
///
/// ```
/// use domicile::{RoutingKey, context};
///
/// context::with(RoutingKey::new("ES"), || {
///     context::with(7_u32, || {
///         assert_eq!(context::remove::<RoutingKey>()?.unwrap().as_str(), "ES");
///         assert_eq!(context::get::<RoutingKey>(), None);
///         Ok::<(), domicile::Error>(())
///     })?;
///     assert_eq!(context::get::<RoutingKey>().unwrap().as_str(), "ES");
///     Ok::<(), domicile::Error>(())
/// })
/// # .unwrap();
/// ```
#[track_caller]
pub fn remove<T: Send + Sync + Debug + 'static>() -> Result<Option<Arc<T>>, Error> {
    let caller = Origin::caller();
    let before = thread::update(Context::without::<T>)
        .map_err(|refusal| Error::unscoped_set("remove", entry::short_name::<T>(), &caller, refusal.why()))?;
    Ok(before.get::<T>())
}

/// Runs `f` with the value set, in addition to what is in scope here.
///
/// Leaving `f`, also by a panic, restores exactly what was there before: every scope that was opened inside is closed.
///
/// ```
/// use domicile::{RoutingKey, context};
///
/// let key = context::with(RoutingKey::new("ES"), context::get::<RoutingKey>);
/// assert_eq!(key.unwrap().as_str(), "ES");
/// assert_eq!(context::get::<RoutingKey>(), None);
/// ```
#[track_caller]
#[inline]
pub fn with<T: Send + Sync + Debug + 'static, R>(value: T, f: impl FnOnce() -> R) -> R {
    if !thread::is_alive() {
        let result = f();
        drop(value);
        return result;
    }
    let _entered = Entered::adding(value, Location::caller());
    f()
}

/// Sets the value, in addition to what is in scope here, until the returned guard is dropped.
///
/// ```
/// use domicile::{RoutingKey, context};
///
/// let guard = context::enter(RoutingKey::new("ES"));
/// assert_eq!(context::get::<RoutingKey>().unwrap().as_str(), "ES");
/// drop(guard);
/// assert_eq!(context::get::<RoutingKey>(), None);
/// ```
#[track_caller]
#[inline]
pub fn enter<T: Send + Sync + Debug + 'static>(value: T) -> Guard {
    Guard::adding(value, Location::caller())
}

/// Wraps a future so that it runs with the value set, in addition to what is in scope here, now.
///
/// What is in scope where it is polled does not matter. So, of two scopes that are put into each other, the inner one is made
/// in an `async` block, where the outer one is in scope already; `scope(a, scope(b, …))` makes the inner one first, and `a`
/// is not seen within. For several values at once, use [`Context::and`] and [`Context::scope`].
///
/// The scope follows the task across every `.await` and from one worker thread to the next. It is left when the future
/// ends, panics or is dropped; its destructors still see the context.
///
/// ```
/// use domicile::{RoutingKey, context};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let key = context::scope(RoutingKey::new("ES"), async {
///     tokio::task::yield_now().await;
///     context::get::<RoutingKey>()
/// });
/// assert_eq!(key.await.unwrap().as_str(), "ES");
/// assert_eq!(context::get::<RoutingKey>(), None);
///
/// let both = context::scope(7_u32, async {
///     context::scope(RoutingKey::new("ES"), async { context::copied::<u32>() }).await
/// });
/// assert_eq!(both.await, Some(7));
/// # });
/// ```
#[track_caller]
pub fn scope<T: Send + Sync + Debug + 'static, F: Future>(value: T, future: F) -> Scoped<F> {
    Context::current().and(value).scope(future)
}

//! Scopes that are left by a drop.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::panic::Location;

use super::entry::Value;
use super::snapshot::Context;
use super::stack::Mark;
use super::thread;

/// Keeps a scope open until it is dropped; made by [`enter`](super::enter) and [`Context::enter`].
///
/// Guards may be dropped in any order: each closes its own scope and no other, and when all are gone the context is
/// what it was before the first. Leaving the closure or future in which a guard was made closes its scope as well.
///
/// A guard belongs to its thread. It is not `Send`, so that holding it across `.await` in a task that `tokio::spawn`
/// may move to another thread does not compile; use [`scope`](super::scope) there:
///
/// ```compile_fail,E0277
/// fn spawnable<F: Future + Send>(_: F) {}
///
/// spawnable(async {
///     let _guard = domicile::context::enter("ES");
///     tokio::task::yield_now().await;
/// });
/// ```
///
/// ```
/// fn spawnable<F: Future + Send>(_: F) {}
///
/// spawnable(domicile::context::scope("ES", async {
///     tokio::task::yield_now().await;
/// }));
/// ```
#[must_use = "the scope is left as soon as the guard is dropped"]
pub struct Guard {
    mark: Mark,
    not_send: PhantomData<*const ()>,
}

impl Guard {
    pub(super) fn new(context: Context) -> Self {
        let mark = if thread::is_alive() { thread::put(context) } else { Mark::NONE };
        Self { mark, not_send: PhantomData }
    }

    #[inline]
    pub(super) fn adding<T: Value>(value: T, set_at: &'static Location<'static>) -> Self {
        if !thread::is_alive() {
            return Self { mark: Mark::NONE, not_send: PhantomData };
        }
        Self { mark: thread::add(value, set_at), not_send: PhantomData }
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        thread::close(self.mark);
    }
}

impl Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

/// Keeps a scope open until it is dropped, and closes all that was opened above it then.
pub(super) struct Entered {
    mark: Mark,
}

impl Entered {
    pub(super) fn new(context: Context) -> Self {
        Self { mark: if thread::is_alive() { thread::put(context) } else { Mark::NONE } }
    }

    #[inline]
    pub(super) fn adding<T: Value>(value: T, set_at: &'static Location<'static>) -> Self {
        Self { mark: thread::add(value, set_at) }
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        thread::leave(self.mark);
    }
}

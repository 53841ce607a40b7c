//! Scopes that are left by a drop.

use std::marker::PhantomData;

use super::snapshot::Context;
use super::stack::{Frame, Mark};
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
#[derive(Debug)]
pub struct Guard {
    mark: Mark,
    not_send: PhantomData<*const ()>,
}

impl Guard {
    pub(super) fn new(context: Context) -> Self {
        let mark = Mark::new();
        thread::resume(&mut vec![Frame::new(context, &mark)]);
        Self { mark, not_send: PhantomData }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        thread::close(&self.mark);
    }
}

/// Keeps frames on the thread's stack, and takes them and all that was opened above them back when it is dropped.
pub(super) struct Entered<'a> {
    frames: &'a mut Vec<Frame>,
    mark: &'a Mark,
}

impl<'a> Entered<'a> {
    pub(super) fn new(frames: &'a mut Vec<Frame>, mark: &'a Mark) -> Self {
        thread::resume(frames);
        Self { frames, mark }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        thread::suspend(self.mark, self.frames);
    }
}

//! The one place that touches a thread-local.
//!
//! No value's `Drop` or `Debug` and no caller's closure ever runs while the cell is borrowed, so that a borrow cannot
//! fail: readers hold the stack itself, and what a writer takes out is dropped by its caller.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::runtime::Handle;
use tokio::task::{Id, try_id};

use super::snapshot::Context;
use super::stack::{Frame, Mark, Stack};

thread_local! {
    // The count of the `Rc` is not shared between threads, so that a reader keeps the stack alive for next to nothing.
    // A writer copies the stack only if a reader further up the call stack still holds it.
    static STACK: RefCell<Rc<Stack>> = RefCell::default();
}

/// Why a value could not be set here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    NoScope,
    ThreadEnding,
}

impl Refusal {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::NoScope => {
                "this task has no scope open, and the change would leak into whatever task runs next on this thread; \
                 open one with context::scope, context::with or context::enter"
            }
            Self::ThreadEnding => "this thread is ending and its context is already gone",
        }
    }
}

/// Calls `f` with the context in scope here, which is empty while the thread is ending.
pub(super) fn read<R>(f: impl FnOnce(&Context) -> R) -> R {
    let stack = STACK.try_with(|cell| Rc::clone(&cell.borrow())).ok();
    let current = stack.as_ref().and_then(|stack| stack.current(try_id()));
    f(current.unwrap_or(&Context::empty()))
}

/// Replaces the context of the innermost scope here and returns what it was.
///
/// `change` runs while the cell is borrowed, so it must only build a context from another.
pub(super) fn update(change: impl FnOnce(&Context) -> Context) -> Result<Context, Refusal> {
    let task = try_id();
    let scoped = STACK.try_with(|cell| cell.borrow().has_scope(task)).map_err(|_| Refusal::ThreadEnding)?;
    if !scoped && Handle::try_current().is_ok() {
        return Err(Refusal::NoScope);
    }
    let updated = write(|stack, task| {
        let current = stack.current_mut(task)?;
        let changed = change(current);
        Some(std::mem::replace(current, changed))
    });
    updated.ok_or(Refusal::ThreadEnding)?.ok_or(Refusal::NoScope)
}

/// Closes the scope of one owner; its context is dropped when the thread's stack is no longer borrowed.
pub(super) fn close(mark: &Mark) {
    drop(write(|stack, _| stack.close(mark)));
}

/// Moves `frames` to the top of the stack, or leaves them where they are while the thread is ending.
pub(super) fn resume(frames: &mut Vec<Frame>) {
    write(|stack, task| stack.resume(frames, task));
}

/// Moves back what [`resume`] moved, and all that was opened since.
pub(super) fn suspend(mark: &Mark, frames: &mut Vec<Frame>) {
    write(|stack, _| stack.suspend(mark, frames));
}

fn write<R>(change: impl FnOnce(&mut Stack, Option<Id>) -> R) -> Option<R> {
    let task = try_id();
    STACK.try_with(|cell| change(Rc::make_mut(&mut cell.borrow_mut()), task)).ok()
}

//! The one place that touches thread-locals.
//!
//! No value's `Drop` or `Debug` and no caller's closure ever runs while the stack is borrowed, so that a borrow cannot
//! fail: readers hold what they read themselves, and what a writer takes out is dropped by its caller.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::{Id, try_id};

use super::entry::Value;
use super::held::{Away, Suspended};
use super::look::InScope;
use super::slot::Holds;
use super::snapshot::Context;
use super::stack::{Mark, Stack};

thread_local! {
    // A thread-local that has a destructor is asked at each access whether it is still there. `THREAD` has none, and is
    // emptied by `END` when the thread ends.
    static THREAD: Thread = const { Thread::new() };
    static END: End = const { End };
}

struct Thread {
    // From the first use until the thread is ending: no scope is opened otherwise.
    is_alive: Cell<bool>,
    stack: RefCell<ManuallyDrop<Stack>>,
    // A guard may be dropped when the stack is empty already, while its scope is in a future that goes on elsewhere.
    away: RefCell<ManuallyDrop<Away>>,
}

impl Thread {
    const fn new() -> Self {
        let stack = RefCell::new(ManuallyDrop::new(Stack::new()));
        Self { is_alive: Cell::new(false), stack, away: RefCell::new(ManuallyDrop::new(Away::new())) }
    }

    /// Calls `f` with what the thread has, which is always there.
    #[inline(always)]
    fn with<R>(f: impl FnOnce(&Self) -> R) -> Option<R> {
        THREAD.try_with(f).ok()
    }
}

/// Empties the stack when the thread ends.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let stack = Thread::with(|thread| {
            thread.is_alive.set(false);
            thread.stack.replace(ManuallyDrop::new(Stack::new()))
        });
        // What the values do in their destructors is done with an empty context.
        drop(stack.map(ManuallyDrop::into_inner));
        Thread::with(|thread| thread.away.borrow_mut().forget_gone());
    }
}

/// Tells whether scopes can be opened, which is so until the thread is ending.
#[inline]
pub(super) fn is_alive() -> bool {
    Thread::with(|thread| thread.is_alive.get()).unwrap_or(false) || begin()
}

#[cold]
#[inline(never)]
fn begin() -> bool {
    let begins = END.try_with(|_| ()).is_ok();
    Thread::with(|thread| thread.is_alive.set(begins));
    begins
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

/// Copies the value in scope here; there is none while the thread is ending.
#[inline]
pub(super) fn copied<T: Copy + 'static>() -> Option<T> {
    let task = try_id();
    // Two borrows, so that the first, within which nothing is called, is no more than a comparison.
    let first = Thread::with(|thread| thread.stack.borrow().first::<T>(task).copied())?;
    first.or_else(|| copied_anywhere(task))
}

#[inline(never)]
fn copied_anywhere<T: Copy + 'static>(task: Option<Id>) -> Option<T> {
    Thread::with(|thread| thread.stack.borrow().value::<T>(task).copied())?
}

/// Shows `f` what is in scope here, while the stack is borrowed.
#[inline]
pub(super) fn look<R>(f: impl FnOnce(InScope<'_>) -> R) -> Option<R> {
    let task = try_id();
    Thread::with(|thread| f(InScope::new(&thread.stack.borrow(), task)))
}

/// Returns a share in the value in scope here.
#[inline(never)]
pub(super) fn shared<T: 'static>() -> Option<Arc<dyn Value>> {
    let task = try_id();
    Thread::with(|thread| thread.stack.borrow_mut().slot_of::<T>(task)?.share::<T>())?
}

/// Returns what holds the value in scope here, as it is now, whatever becomes of the scope.
#[inline(never)]
pub(super) fn pinned<T: 'static>() -> Option<Rc<Holds>> {
    let task = try_id();
    Thread::with(|thread| Some(thread.stack.borrow_mut().slot_of::<T>(task)?.pin()))?
}

/// Returns the context in scope here.
pub(super) fn current() -> Context {
    let task = try_id();
    Thread::with(|thread| thread.stack.borrow_mut().context(task)).unwrap_or_default()
}

/// Replaces the context of the innermost scope here and returns what it was.
///
/// `change` runs while the stack is borrowed, so it must only build a context from another.
pub(super) fn update(change: impl FnOnce(&Context) -> Context) -> Result<Context, Refusal> {
    if !is_alive() {
        return Err(Refusal::ThreadEnding);
    }
    let task = try_id();
    let is_scoped = Thread::with(|thread| thread.stack.borrow().has_scope(task)) == Some(true);
    if !is_scoped && Handle::try_current().is_ok() {
        return Err(Refusal::NoScope);
    }
    let updated = Thread::with(|thread| thread.stack.borrow_mut().update(task, change)).flatten();
    let (before, _displaced) = updated.ok_or(Refusal::NoScope)?;
    Ok(before)
}

/// Opens a scope that adds a value to what is in scope here. The thread must be alive.
#[inline]
pub(super) fn add<T: Value>(value: T, set_at: &'static Location<'static>) -> Mark {
    let task = try_id();
    Thread::with(|thread| thread.add(value, set_at, task)).unwrap_or(Mark::NONE)
}

impl Thread {
    // A function rather than a closure, so that all is passed in registers and not by reference to what was captured.
    #[inline(never)]
    fn add<T: Value>(&self, value: T, set_at: &'static Location<'static>, task: Option<Id>) -> Mark {
        self.stack.borrow_mut().add(value, set_at, task)
    }
}

/// Opens a scope in which exactly this context is in scope. The thread must be alive.
pub(super) fn put(mut context: Context) -> Mark {
    let task = try_id();
    Thread::with(|thread| thread.stack.borrow_mut().put(&mut context, task)).unwrap_or(Mark::NONE)
}

/// Closes the scope of one owner, and lets those above it be.
#[inline(always)]
pub(super) fn close(mark: Mark) {
    if Thread::with(|thread| thread.stack.borrow_mut().leave_in_place(mark)) == Some(false) {
        close_anywhere(mark);
    }
}

#[inline(never)]
fn close_anywhere(mark: Mark) {
    // Such a scope was never away: what was holds a whole context.
    if leave_value(mark) {
        return;
    }
    let closed = Thread::with(|thread| {
        thread.away.borrow_mut().close(mark);
        thread.stack.borrow_mut().close(mark)
    });
    drop(closed);
}

/// Closes the scope of one owner and all that was opened above it.
#[inline(always)]
pub(super) fn leave(mark: Mark) {
    if Thread::with(|thread| thread.stack.borrow_mut().leave_in_place(mark)) == Some(false) {
        leave_anywhere(mark);
    }
}

#[inline(never)]
fn leave_anywhere(mark: Mark) {
    if !leave_value(mark) {
        drop(Thread::with(|thread| thread.stack.borrow_mut().leave(mark)));
    }
}

/// Closes the scope of one owner, if it is the innermost and adds a value with a destructor, which ends here.
fn leave_value(mark: Mark) -> bool {
    let value = Thread::with(|thread| thread.stack.borrow_mut().leave_value(mark)).flatten();
    value.is_some()
}

/// Opens the scope of a future, and those of the guards that it holds.
#[inline(always)]
pub(super) fn resume(context: &mut Context, above: &mut Vec<Suspended>) -> Mark {
    if above.is_empty() {
        let task = try_id();
        let mark = Thread::with(|thread| thread.stack.borrow_mut().put_in_place(context, task));
        if let Some(mark) = mark.flatten() {
            return mark;
        }
    }
    resume_all(context, above)
}

#[cold]
#[inline(never)]
fn resume_all(context: &mut Context, above: &mut Vec<Suspended>) -> Mark {
    // A guard that was moved out of the future may have been dropped since the last poll.
    above.retain(Suspended::is_open);
    if !is_alive() {
        return Mark::NONE;
    }
    let task = try_id();
    let resumed = Thread::with(|thread| {
        let stack = &mut **thread.stack.borrow_mut();
        let mark = stack.put(context, task);
        stack.resume(above, task);
        mark
    });
    resumed.unwrap_or(Mark::NONE)
}

/// Closes what [`resume`] opened and all that was opened since, and keeps it for the next time.
#[inline(always)]
pub(super) fn suspend(mark: Mark, context: &mut Context, above: &mut Vec<Suspended>) {
    if Thread::with(|thread| thread.stack.borrow_mut().suspend_in_place(mark, context)) == Some(false) {
        suspend_all(mark, context, above);
    }
}

#[cold]
#[inline(never)]
fn suspend_all(mark: Mark, context: &mut Context, above: &mut Vec<Suspended>) {
    let suspended = Thread::with(|thread| {
        let hold = |mark| thread.away.borrow_mut().hold(mark);
        thread.stack.borrow_mut().suspend(mark, above, hold)
    });
    if let Some((suspended, _left)) = suspended.flatten() {
        *context = suspended;
    }
}

//! How scopes are opened and closed, suspended and resumed.

use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::Id;

use super::{Mark, Stack};
use crate::context::entry::Value;
use crate::context::held::{Held, Suspended};
use crate::context::slot::{Holds, Slot};
use crate::context::snapshot::Context;

/// Down to which depth the memory of scopes that were left is kept for the next.
const REUSED_DEPTH_MAX: usize = 16;

/// What was in scopes that are left, to be dropped.
#[derive(Default)]
pub(in crate::context) struct Left {
    _own: Option<Holds>,
    _above: Vec<Holds>,
}

impl Stack {
    /// Opens a scope of `task` that adds a value to what is in scope.
    #[inline]
    pub(in crate::context) fn add<T: Value>(
        &mut self,
        value: T,
        set_at: &'static Location<'static>,
        task: Option<Id>,
    ) -> Mark {
        let mark = self.last.next();
        if let Some(slot) = self.slots.get_mut(self.open)
            && let Some(memory) = slot.memory::<T>(set_at, task, mark)
        {
            *memory = value;
            return self.opened(mark);
        }
        self.add_new(value, set_at, task)
    }

    #[inline(never)]
    fn add_new<T: Value>(&mut self, value: T, set_at: &'static Location<'static>, task: Option<Id>) -> Mark {
        let mark = self.last.next();
        if let Some(slot) = self.slots.get_mut(self.open)
            && let Some(memory) = Rc::get_mut(&mut slot.holds)
        {
            // What is in the memory is a plain value at most, so that nothing ends here.
            *memory = Holds::adding(value, set_at);
            (slot.task, slot.mark) = (task, mark);
            return self.opened(mark);
        }
        self.push(Holds::adding(value, set_at), task)
    }

    /// Opens a scope of `task` in which exactly this context is in scope; takes the context.
    pub(in crate::context) fn put(&mut self, context: &mut Context, task: Option<Id>) -> Mark {
        self.put_in_place(context, task).unwrap_or_else(|| self.push(Holds::Whole(std::mem::take(context)), task))
    }

    /// Opens such a scope if there is memory for it, which the last one there has left.
    #[inline]
    pub(in crate::context) fn put_in_place(&mut self, context: &mut Context, task: Option<Id>) -> Option<Mark> {
        let mark = self.last.next();
        if let Some(slot) = self.slots.get_mut(self.open)
            && let Some(Holds::Whole(memory)) = Rc::get_mut(&mut slot.holds)
        {
            // What is in the memory is empty.
            std::mem::swap(memory, context);
            (slot.task, slot.mark) = (task, mark);
            return Some(self.opened(mark));
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn push(&mut self, holds: Holds, task: Option<Id>) -> Mark {
        self.ensure_root();
        if self.slots.len() == self.open {
            self.slots.push(Slot::new(Holds::NOTHING));
        }
        let mark = self.last.next();
        let slot = &mut self.slots[self.open];
        slot.replace(holds);
        (slot.task, slot.mark) = (task, mark);
        self.opened(mark)
    }

    #[inline]
    fn opened(&mut self, mark: Mark) -> Mark {
        self.open += 1;
        self.last = mark;
        mark
    }

    /// Returns the slot of one owner and where it is, if it is the innermost, as most are, and its memory is kept.
    #[inline]
    fn top(&mut self, mark: Mark) -> Option<(usize, &mut Slot)> {
        let at = self.open.wrapping_sub(1);
        let slot = self.slots.get_mut(at).filter(|slot| slot.mark == mark && at <= REUSED_DEPTH_MAX)?;
        Some((at, slot))
    }

    /// Closes the scope of one owner, if it is the innermost and what it holds may stay where it is.
    #[inline]
    pub(in crate::context) fn leave_in_place(&mut self, mark: Mark) -> bool {
        if let Some((at, slot)) = self.top(mark)
            && let Holds::Own(_) = &*slot.holds
        {
            self.open = at;
            return true;
        }
        false
    }

    /// Closes the scope of one owner, if it is the innermost and adds a value with a destructor, which is returned.
    pub(in crate::context) fn leave_value(&mut self, mark: Mark) -> Option<Arc<dyn Value>> {
        let (at, slot) = self.top(mark)?;
        let value = slot.take_value()?;
        self.open = at;
        Some(value)
    }

    /// Closes the scope of one owner, wherever it is. For those above it nothing changes.
    pub(in crate::context) fn close(&mut self, mark: Mark) -> Option<Holds> {
        let at = self.find(mark)?;
        let task = self.slots[at].task;
        let above = (at + 1..self.open).find(|&above| self.slots[above].task == task);
        if let Some(above) = above
            && !self.slots[above].holds.is_whole()
        {
            // It can do without the scope below it from now on. What this replaces is shared with the context.
            let whole = self.whole(above);
            self.slots[above].replace(Holds::Whole(whole));
        }
        self.take(at)
    }

    /// Closes the scope of one owner and all that its task has opened above it.
    pub(in crate::context) fn leave(&mut self, mark: Mark) -> Left {
        let Some(at) = self.find(mark) else { return Left::default() };
        let task = self.slots[at].task;
        let mut above = Vec::new();
        for above_at in (at + 1..self.open).rev() {
            if self.slots[above_at].task == task {
                above.extend(self.take(above_at).filter(|holds| !holds.is_nothing()));
            }
        }
        Left { _own: self.take(at), _above: above }
    }

    /// Takes back the context of a scope that [`put`](Self::put) opened, if it is the innermost and no reader has it.
    #[inline]
    pub(in crate::context) fn suspend_in_place(&mut self, mark: Mark, context: &mut Context) -> bool {
        if let Some((at, slot)) = self.top(mark)
            && let Some(Holds::Whole(held)) = Rc::get_mut(&mut slot.holds)
        {
            std::mem::swap(held, context);
            self.open = at;
            return true;
        }
        false
    }

    /// Suspends the scope of one owner, which [`put`](Self::put) opened, and all that its task has opened above it, for
    /// whose guards `hold` is called. Scopes of other tasks stay: a task of a `LocalSet` may keep a guard while the scope
    /// around the `LocalSet` is suspended.
    pub(in crate::context) fn suspend(
        &mut self,
        mark: Mark,
        above: &mut Vec<Suspended>,
        hold: impl Fn(Mark) -> Arc<Held>,
    ) -> Option<(Context, Left)> {
        let at = self.find(mark)?;
        // From above, because each may need those below it to know its whole context.
        for above_at in (at + 1..self.open).rev() {
            if self.slots[above_at].task == self.slots[at].task {
                let context = self.take_whole(above_at);
                let slot = &mut self.slots[above_at];
                let held = slot.held.take().unwrap_or_else(|| hold(slot.mark));
                above.push(Suspended { context, held });
            }
        }
        above.reverse();
        Some((self.take_whole(at), self.leave(mark)))
    }

    /// Returns the whole context in the scope at `at`, which is left without, unless a reader has it.
    fn take_whole(&mut self, at: usize) -> Context {
        match Rc::get_mut(&mut self.slots[at].holds) {
            Some(Holds::Whole(context)) => std::mem::take(context),
            _ => self.whole(at),
        }
    }

    /// Opens the scopes of guards that were suspended, as those of `task`, which need not be the task that had them.
    pub(in crate::context) fn resume(&mut self, suspended: &mut Vec<Suspended>, task: Option<Id>) {
        for Suspended { mut context, held } in suspended.drain(..) {
            let mark = self.put(&mut context, task);
            let slot = &mut self.slots[self.open - 1];
            slot.mark = held.mark_here().unwrap_or(mark);
            slot.held = Some(held);
        }
    }

    fn find(&self, mark: Mark) -> Option<usize> {
        self.slots[..self.open].iter().rposition(|slot| slot.mark == mark)
    }

    /// Takes a scope out, and returns what it held, unless a reader has it or it stays as memory for the next.
    fn take(&mut self, at: usize) -> Option<Holds> {
        self.open -= 1;
        if at == self.open && at <= REUSED_DEPTH_MAX {
            return self.slots[at].empty();
        }
        Rc::into_inner(self.slots.remove(at).holds)
    }
}

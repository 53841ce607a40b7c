//! The scopes that are open on one thread, as plain data.
//!
//! Nothing here runs code of a value or of a caller: what is closed is returned, and dropped by the caller when the
//! stack is not borrowed any more.

mod scopes;

use tokio::task::Id;

use super::slot::{Holds, Slot};
use super::snapshot::Context;

/// By which the owner of a scope finds it: a number that no other scope of the thread has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(u64);

impl Mark {
    /// What no scope has.
    pub(super) const NONE: Self = Self(u64::MAX);

    /// What the root has, which nobody owns.
    pub(super) const ROOT: Self = Self(0);

    #[inline]
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The open scopes of a thread, innermost last. The first is no scope: it is the root, whose values were set with no
/// scope open. It belongs to the thread, so that no task sees it.
// The two numbers stand apart. Side by side, the compiler counts both up in one wide load and store, and the load waits
// until the narrow stores before it have left the processor, which takes longer than all the rest of opening a scope.
#[repr(C)]
pub(super) struct Stack {
    last: Mark,
    // Of these only the first `open` are open. The others are memory for the next; the values in them are plain.
    slots: Vec<Slot>,
    open: usize,
}

impl Stack {
    pub(super) const fn new() -> Self {
        Self { last: Mark::ROOT, slots: Vec::new(), open: 0 }
    }

    /// Returns where the value of type `T` is that `task` sees.
    #[inline]
    fn position<T: 'static>(&self, task: Option<Id>) -> Option<usize> {
        for (at, slot) in self.slots[..self.open].iter().enumerate().rev() {
            if slot.task == task {
                if slot.holds.has::<T>() {
                    return Some(at);
                }
                if slot.holds.is_whole() {
                    return None;
                }
            }
        }
        None
    }

    /// Returns the value of type `T` that `task` sees, if it is the first of the innermost scope. Most often it is.
    #[inline]
    pub(super) fn first<T: 'static>(&self, task: Option<Id>) -> Option<&T> {
        let innermost = self.slots.get(self.open.wrapping_sub(1)).filter(|slot| slot.task == task);
        innermost?.holds.first()
    }

    /// Returns the value of type `T` that `task` sees.
    pub(super) fn value<T: 'static>(&self, task: Option<Id>) -> Option<&T> {
        let at = self.position::<T>(task)?;
        self.slots[at].holds.value()
    }

    /// Returns the open scopes of all tasks.
    #[inline]
    pub(super) fn innermost_first(&self) -> impl Iterator<Item = &Slot> {
        self.slots[..self.open].iter().rev()
    }

    /// Returns the slot of the value of type `T` that `task` sees.
    #[inline]
    pub(super) fn slot_of<T: 'static>(&mut self, task: Option<Id>) -> Option<&mut Slot> {
        let at = self.position::<T>(task)?;
        Some(&mut self.slots[at])
    }

    fn innermost(&self, task: Option<Id>) -> Option<usize> {
        self.slots[..self.open].iter().rposition(|slot| slot.task == task)
    }

    pub(super) fn has_scope(&self, task: Option<Id>) -> bool {
        self.innermost(task).is_some_and(|at| at > 0)
    }

    /// Returns the whole context that `task` sees.
    pub(super) fn context(&mut self, task: Option<Id>) -> Context {
        let Some(at) = self.innermost(task) else { return Context::empty() };
        let context = self.whole(at);
        let slot = &mut self.slots[at];
        if !slot.holds.is_whole() {
            // Who asked once may ask again. What this replaces is shared with the context, so that nothing ends here.
            slot.replace(Holds::Whole(context.clone()));
        }
        context
    }

    /// Returns the whole context in the scope at `at`.
    fn whole(&mut self, at: usize) -> Context {
        let task = self.slots[at].task;
        let mut added = Vec::new();
        let mut around = Context::empty();
        for slot in self.slots[..=at].iter_mut().rev().filter(|slot| slot.task == task) {
            if let Holds::Whole(context) = &*slot.holds {
                around = context.clone();
                break;
            }
            added.extend(slot.entry());
        }
        added.into_iter().rev().fold(around, |context, entry| context.with_entry(entry))
    }

    /// Replaces the context of the innermost scope of `task`, or of the root. Returns what it was, and what held it.
    pub(super) fn update(
        &mut self,
        task: Option<Id>,
        change: impl FnOnce(&Context) -> Context,
    ) -> Option<(Context, Option<Holds>)> {
        self.ensure_root();
        let at = self.innermost(task)?;
        let before = self.whole(at);
        let displaced = self.slots[at].replace(Holds::Whole(change(&before)));
        Some((before, displaced))
    }

    fn ensure_root(&mut self) {
        if self.slots.is_empty() {
            self.slots.push(Slot::new(Holds::NOTHING));
            self.open = 1;
        }
    }
}

//! One open scope on the stack of a thread.

use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::Id;

use super::entry::{Entry, Value};
use super::held::Held;
use super::kept::{Own, Shared, is_plain};
use super::snapshot::Context;
use super::stack::Mark;

/// What is in scope within a scope.
pub(super) enum Holds {
    /// Exactly this context.
    Whole(Context),
    /// What is in scope in the next scope below of the same task, and this value in addition. It is plain, and only
    /// looked at so far, which costs no shared count.
    Own(Own),
    /// The same with a value in which somebody may have a share. It may be a plain one.
    Shared { added: Shared, is_plain: bool },
}

impl Holds {
    pub(super) const NOTHING: Self = Self::Whole(Context::empty());

    #[inline]
    pub(super) fn adding<T: Value>(value: T, set_at: &'static Location<'static>) -> Self {
        match is_plain::<T>() {
            true => Self::Own(Own::new(value, set_at)),
            false => Self::Shared { added: Shared::new(value, set_at), is_plain: false },
        }
    }

    /// Tells whether the value of a type is here, and not below.
    #[inline]
    pub(super) fn has<T: 'static>(&self) -> bool {
        match self {
            Self::Whole(context) => context.entry::<T>().is_some(),
            Self::Own(added) => added.is::<T>(),
            Self::Shared { added, .. } => added.is::<T>(),
        }
    }

    /// Returns the value of type `T`, if it is one that is found at once.
    #[inline]
    pub(super) fn first<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Whole(context) => context.first()?.value(),
            Self::Own(added) => added.get(),
            Self::Shared { .. } => None,
        }
    }

    /// Returns the value of type `T`, if it is here and not below.
    #[inline]
    pub(super) fn value<T: 'static>(&self) -> Option<&T> {
        match self {
            Self::Whole(context) => context.find::<T>(),
            Self::Own(added) => added.get(),
            Self::Shared { added, .. } => added.get(),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Whole(context) if context.first().is_none())
    }

    #[inline]
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

/// An open scope; or, above the open ones, the memory of one for the next.
pub(super) struct Slot {
    // The count of an `Rc` is not shared between threads, so that a reader keeps a value alive for next to nothing. While
    // one does, what is in the `Rc` stays as it is, and a change goes into another.
    pub(super) holds: Rc<Holds>,
    // The task that sees this scope. Other tasks that run on the same thread meanwhile look past it.
    pub(super) task: Option<Id>,
    pub(super) mark: Mark,
    // What is known of the guard if the scope was suspended before, after which it holds a whole context.
    pub(super) held: Option<Arc<Held>>,
}

impl Slot {
    pub(super) fn new(holds: Holds) -> Self {
        Self { holds: Rc::new(holds), task: None, mark: Mark::ROOT, held: None }
    }

    /// Returns the memory that the last scope here has left for a value, for a scope of this task with this mark.
    #[inline]
    pub(super) fn memory<T: Value>(
        &mut self,
        set_at: &'static Location<'static>,
        task: Option<Id>,
        mark: Mark,
    ) -> Option<&mut T> {
        (self.task, self.mark) = (task, mark);
        match Rc::get_mut(&mut self.holds)? {
            Holds::Own(added) if is_plain::<T>() => added.memory(set_at),
            Holds::Shared { added, .. } if is_plain::<T>() => added.memory(set_at),
            _ => None,
        }
    }

    /// Replaces what is in scope, and returns what was, unless a reader has it.
    pub(super) fn replace(&mut self, holds: Holds) -> Option<Holds> {
        match Rc::get_mut(&mut self.holds) {
            Some(held) => Some(std::mem::replace(held, holds)),
            None => {
                self.holds = Rc::new(holds);
                None
            }
        }
    }

    /// Leaves the scope, and returns what it held, unless a reader has it or it may stay for the next.
    pub(super) fn empty(&mut self) -> Option<Holds> {
        self.held = None;
        match &*self.holds {
            Holds::Own(_) => None,
            Holds::Shared { added, is_plain: true } if added.is_unshared() => None,
            _ => self.replace(Holds::NOTHING),
        }
    }

    /// Leaves a scope that adds a value with a destructor, and returns the value, unless a reader has it.
    #[inline]
    pub(super) fn take_value(&mut self) -> Option<Arc<dyn Value>> {
        let holds = Rc::get_mut(&mut self.holds)?;
        if !matches!(holds, Holds::Shared { is_plain: false, .. }) {
            return None;
        }
        match std::mem::replace(holds, Holds::NOTHING) {
            Holds::Shared { added, .. } => Some(added.into_value()),
            _ => None,
        }
    }

    /// Returns the value that this scope adds, as one that is shared.
    pub(super) fn entry(&mut self) -> Option<Entry> {
        self.make_shared();
        match &*self.holds {
            Holds::Shared { added, .. } => Some(added.entry()),
            _ => None,
        }
    }

    /// Returns a share in the value of type `T`, if it is here and not below.
    #[inline]
    pub(super) fn share<T: 'static>(&mut self) -> Option<Arc<dyn Value>> {
        self.make_shared();
        match &*self.holds {
            Holds::Whole(context) => context.entry::<T>().map(|entry| Arc::clone(entry.share())),
            Holds::Own(_) => None,
            Holds::Shared { added, .. } => Some(added.share()),
        }
    }

    /// Returns what is in scope as it is now, whatever becomes of the scope.
    #[inline]
    pub(super) fn pin(&mut self) -> Rc<Holds> {
        // While it is pinned it could not be made so, and a reader may ask for a share.
        self.make_shared();
        Rc::clone(&self.holds)
    }

    #[inline]
    fn make_shared(&mut self) {
        if let Holds::Own(_) = &*self.holds {
            self.share_own();
        }
    }

    #[cold]
    fn share_own(&mut self) {
        if let Some(holds) = Rc::get_mut(&mut self.holds)
            && let Holds::Own(own) = std::mem::replace(holds, Holds::NOTHING)
        {
            *holds = Holds::Shared { added: own.into_shared(), is_plain: true };
        }
    }
}

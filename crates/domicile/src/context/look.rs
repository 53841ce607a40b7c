//! One look at several values at once, for the crate's own types.

use std::any::{Any, TypeId};
use std::panic::Location;

use tokio::task::Id;

use super::entry::{Entry, Value};
use super::kept::Added;
use super::origin::Origin;
use super::slot::Holds;
use super::stack::Stack;
use super::thread;

/// A value of the context, as it is seen while the stack is borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    type_id: TypeId,
    value: &'a dyn Any,
    set_at: SetAt<'a>,
}

#[derive(Clone, Copy)]
enum SetAt<'a> {
    Code(&'static Location<'static>),
    Origin(&'a Origin),
}

impl<'a> Seen<'a> {
    pub(super) fn entry(entry: &'a Entry) -> Self {
        Self { type_id: entry.type_id(), value: entry.any(), set_at: SetAt::Origin(entry.origin()) }
    }

    #[inline]
    pub(super) fn added<P: AsRef<dyn Value>>(added: &'a Added<P>) -> Self {
        Self { type_id: added.type_id(), value: added.any(), set_at: SetAt::Code(added.set_at()) }
    }

    /// Keeps this as what is in scope, if it is a `T` and nothing that hides it was kept.
    #[inline]
    pub(crate) fn keep_if<T: 'static>(self, innermost: &mut Option<Self>) {
        if innermost.is_none() && self.type_id == TypeId::of::<T>() {
            *innermost = Some(self);
        }
    }

    #[inline]
    pub(crate) fn value<T: 'static>(self) -> Option<&'a T> {
        self.value.downcast_ref()
    }

    #[inline]
    pub(crate) fn origin(self) -> Origin {
        match self.set_at {
            SetAt::Code(location) => Origin::code(location),
            SetAt::Origin(origin) => origin.clone(),
        }
    }
}

/// All that is in scope, while the stack is borrowed.
pub(crate) struct InScope<'a> {
    stack: &'a Stack,
    task: Option<Id>,
}

impl<'a> InScope<'a> {
    pub(super) fn new(stack: &'a Stack, task: Option<Id>) -> Self {
        Self { stack, task }
    }

    /// Shows `visit` each value, those of the innermost scope first, and those that they hide, too.
    #[inline]
    pub(crate) fn each(self, mut visit: impl FnMut(Seen<'a>)) {
        for slot in self.stack.innermost_first().filter(|slot| slot.task == self.task) {
            match &*slot.holds {
                Holds::Whole(context) => return context.each(|entry| visit(Seen::entry(entry))),
                Holds::Own(added) => visit(Seen::added(added)),
                Holds::Shared { added, .. } => visit(Seen::added(added)),
            }
        }
    }
}

/// Shows `f` what is in scope here, without taking a share in any value. Where there is no context at all, `f` is not
/// called.
///
/// `f` runs while the stack is borrowed: it must neither use the context nor run code of a value, such as its `Drop`.
#[inline]
pub(crate) fn look<R>(f: impl FnOnce(InScope<'_>) -> R) -> Option<R> {
    thread::look(f)
}

/// Shows `f` the value of type `T` that is in scope here, as [`look`] does.
pub(crate) fn look_at<T: 'static, R>(f: impl FnOnce(Seen<'_>) -> Option<R>) -> Option<R> {
    let found = look(|in_scope| {
        let mut seen = None;
        in_scope.each(|each| each.keep_if::<T>(&mut seen));
        f(seen?)
    });
    found.flatten()
}

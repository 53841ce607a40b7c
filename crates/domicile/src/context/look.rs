//! One look at several values at once, for the crate's own types.

use std::panic::Location;

use tokio::task::Id;

use super::entry::Entry;
use super::kept::{Own, Shared};
use super::origin::Origin;
use super::slot::Holds;
use super::stack::Stack;
use super::thread;

/// A value of the context, as it is seen while the stack is borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a>(Kept<'a>);

#[derive(Clone, Copy)]
enum Kept<'a> {
    Entry(&'a Entry),
    Own(&'a Own),
    Shared(&'a Shared),
}

impl<'a> Seen<'a> {
    /// Keeps this as what is in scope, if it is a `T` and nothing that hides it was kept.
    #[inline]
    pub(crate) fn keep_if<T: 'static>(self, innermost: &mut Option<Found<'a, T>>) {
        if innermost.is_none() {
            *innermost = self.found();
        }
    }

    #[inline]
    fn found<T: 'static>(self) -> Option<Found<'a, T>> {
        let (value, set_at) = match self.0 {
            Kept::Entry(entry) => (entry.value()?, SetAt::Origin(entry.origin())),
            Kept::Own(added) => (added.get()?, SetAt::Code(added.set_at())),
            Kept::Shared(added) => (added.get()?, SetAt::Code(added.set_at())),
        };
        Some(Found { value, set_at })
    }
}

/// The value of one type that is in scope.
pub(crate) struct Found<'a, T> {
    pub(crate) value: &'a T,
    set_at: SetAt<'a>,
}

#[derive(Clone, Copy)]
enum SetAt<'a> {
    Code(&'static Location<'static>),
    Origin(&'a Origin),
}

impl<T> Found<'_, T> {
    #[inline]
    pub(crate) fn origin(&self) -> Origin {
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
                Holds::Whole(context) => return context.each(|entry| visit(Seen(Kept::Entry(entry)))),
                Holds::Own(added) => visit(Seen(Kept::Own(added))),
                Holds::Shared { added, .. } => visit(Seen(Kept::Shared(added))),
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
pub(crate) fn look_at<T: 'static, R>(f: impl FnOnce(Found<'_, T>) -> R) -> Option<R> {
    let found = look(|in_scope| {
        let mut seen = None;
        in_scope.each(|each| each.keep_if(&mut seen));
        seen.map(f)
    });
    found.flatten()
}

//! One look at several values at once, for the crate's own types.

use std::any::{Any, TypeId};
use std::panic::Location;

use super::entry::Entry;
use super::kept::{Own, Shared};
use super::origin::Origin;
use super::thread;

/// A value of the context, as it is seen while the stack is borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
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
        Self { value: entry.any(), set_at: SetAt::Origin(entry.origin()) }
    }

    #[inline]
    pub(super) fn own(added: &'a Own) -> Self {
        Self { value: added.any(), set_at: SetAt::Code(added.set_at()) }
    }

    #[inline]
    pub(super) fn shared(added: &'a Shared) -> Self {
        Self { value: added.any(), set_at: SetAt::Code(added.set_at()) }
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

/// Shows `f` the values of these types that are in scope here, in the order of the types, without taking a share in any.
/// Where there is no context at all, `f` is not called.
///
/// `f` runs while the stack is borrowed: it must neither use the context nor run code of a value, such as its `Drop`.
#[inline]
pub(crate) fn look<const N: usize, R>(types: [TypeId; N], f: impl FnOnce([Option<Seen<'_>>; N]) -> R) -> Option<R> {
    thread::look(types, f)
}

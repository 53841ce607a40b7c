//! One value in the memory of a scope, which later scopes use again.

use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use super::entry::{Entry, Value};
use super::origin::Origin;
use super::typed::Typed;

/// How large a value may be whose memory is kept for the next scope.
const REUSED_BYTES_MAX: usize = 64;

/// Tells whether nobody can tell when values of a type are dropped. Their memory may stay as it is when a scope is left.
pub(super) const fn is_plain<T>() -> bool {
    !std::mem::needs_drop::<T>() && size_of::<T>() <= REUSED_BYTES_MAX
}

/// The value that a scope adds to what is around it.
// The order of the fields is one with that of `Typed`.
#[repr(C)]
pub(super) struct Added<P> {
    set_at: &'static Location<'static>,
    value: Typed<P>,
}

/// A plain value that is only looked at in its scope.
pub(super) type Own = Added<Box<dyn Value>>;

/// A value in which somebody may have a share.
pub(super) type Shared = Added<Arc<dyn Value>>;

impl<P: Deref<Target = dyn Value>> Added<P> {
    #[inline]
    pub(super) fn is<T: 'static>(&self) -> bool {
        self.value.is::<T>()
    }

    #[inline]
    pub(super) fn set_at(&self) -> &'static Location<'static> {
        self.set_at
    }

    /// Returns the value, if it is a `T`.
    #[inline]
    pub(super) fn get<T: 'static>(&self) -> Option<&T> {
        self.value.get()
    }
}

impl Own {
    #[inline]
    pub(super) fn new<T: Value>(value: T, set_at: &'static Location<'static>) -> Self {
        Self { value: Typed::boxed(value), set_at }
    }

    /// Returns the memory for a value that is set there, if it is of the same type as the last.
    #[inline]
    pub(super) fn memory<T: Value>(&mut self, set_at: &'static Location<'static>) -> Option<&mut T> {
        self.set_at = set_at;
        self.value.get_mut()
    }

    /// Makes the value one that can be shared, at another place in memory.
    pub(super) fn into_shared(self) -> Shared {
        Added { value: self.value.into_shared(), set_at: self.set_at }
    }
}

impl Shared {
    #[inline]
    pub(super) fn new<T: Value>(value: T, set_at: &'static Location<'static>) -> Self {
        Self { value: Typed::shared(value), set_at }
    }

    /// Does so if nobody has a share in the last value.
    #[inline(never)]
    pub(super) fn memory<T: Value>(&mut self, set_at: &'static Location<'static>) -> Option<&mut T> {
        self.set_at = set_at;
        self.value.get_mut_unshared()
    }

    /// Tells whether nobody has a share in the value, nor could get one.
    pub(super) fn is_unshared(&self) -> bool {
        let value = self.value.pointer();
        Arc::strong_count(value) == 1 && Arc::weak_count(value) == 0
    }

    pub(super) fn into_value(self) -> Arc<dyn Value> {
        self.value.into_pointer()
    }

    pub(super) fn share(&self) -> Arc<dyn Value> {
        Arc::clone(self.value.pointer())
    }

    pub(super) fn entry(&self) -> Entry {
        Entry::shared(self.value.clone(), Origin::code(self.set_at))
    }
}

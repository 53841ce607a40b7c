//! One value in the memory of a scope, which later scopes use again.

use std::any::{Any, TypeId};
use std::panic::Location;
use std::sync::Arc;

use super::entry::{Entry, Value};
use super::origin::Origin;

/// How large a value may be whose memory is kept for the next scope.
const REUSED_BYTES_MAX: usize = 64;

/// Tells whether nobody can tell when values of a type are dropped. Their memory may stay as it is when a scope is left.
pub(super) const fn is_plain<T>() -> bool {
    !std::mem::needs_drop::<T>() && size_of::<T>() <= REUSED_BYTES_MAX
}

/// The value that a scope adds to what is around it.
pub(super) struct Added<P> {
    type_id: TypeId,
    set_at: &'static Location<'static>,
    value: P,
}

/// A plain value that is only looked at in its scope.
pub(super) type Own = Added<Box<dyn Value>>;

/// A value in which somebody may have a share.
pub(super) type Shared = Added<Arc<dyn Value>>;

impl<P: AsRef<dyn Value>> Added<P> {
    #[inline]
    pub(super) fn is(&self, type_id: TypeId) -> bool {
        self.type_id == type_id
    }

    #[inline]
    pub(super) fn type_id(&self) -> TypeId {
        self.type_id
    }

    #[inline]
    pub(super) fn set_at(&self) -> &'static Location<'static> {
        self.set_at
    }

    #[inline]
    pub(super) fn any(&self) -> &dyn Any {
        self.value.as_ref()
    }
}

impl Own {
    #[inline]
    pub(super) fn new<T: Value>(value: T, set_at: &'static Location<'static>) -> Self {
        Self { type_id: TypeId::of::<T>(), set_at, value: Box::new(value) }
    }

    /// Returns the memory for a value that is set there, if it is of the same type as the last.
    #[inline]
    pub(super) fn memory<T: Value>(&mut self, set_at: &'static Location<'static>) -> Option<&mut T> {
        self.set_at = set_at;
        memory_of(&mut *self.value)
    }

    /// Makes the value one that can be shared, at another place in memory.
    pub(super) fn into_shared(self) -> Shared {
        Added { type_id: self.type_id, set_at: self.set_at, value: Arc::from(self.value) }
    }
}

impl Shared {
    #[inline]
    pub(super) fn new<T: Value>(value: T, set_at: &'static Location<'static>) -> Self {
        Self { type_id: TypeId::of::<T>(), set_at, value: Arc::new(value) }
    }

    /// Does so if nobody has a share in the last value.
    #[inline(never)]
    pub(super) fn memory<T: Value>(&mut self, set_at: &'static Location<'static>) -> Option<&mut T> {
        self.set_at = set_at;
        memory_of(Arc::get_mut(&mut self.value)?)
    }

    /// Tells whether nobody has a share in the value, nor could get one.
    pub(super) fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.value) == 1 && Arc::weak_count(&self.value) == 0
    }

    pub(super) fn into_value(self) -> Arc<dyn Value> {
        self.value
    }

    pub(super) fn share(&self) -> Arc<dyn Value> {
        Arc::clone(&self.value)
    }

    pub(super) fn entry(&self) -> Entry {
        Entry::shared(self.type_id, Origin::code(self.set_at), self.share())
    }
}

/// Returns the memory as what it is, if it is a `T`.
// The type is returned through memory on the stack. Where other values are kept on the stack meanwhile, the processor was
// seen to take one for the other and begin anew, for more time than all the rest needs; in a function of its own there
// are none.
#[inline(never)]
fn memory_of<T: Value>(memory: &mut dyn Any) -> Option<&mut T> {
    memory.downcast_mut()
}

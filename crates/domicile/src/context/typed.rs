//! A value of any type, with its type beside it.
//!
//! This is the one file of the workspace with `unsafe` in it. Each look at the context has to get from a value of any type
//! to a `T`. `Any` does so by a call through a table of functions, whose answer the processor has to wait for, which takes
//! about as long as all the rest of a look. Here the type is compared where it stands.

#![allow(unsafe_code)]

use std::any::TypeId;
use std::ops::Deref;
use std::sync::Arc;

use super::entry::Value;

/// A pointer to a value, and the type of the value.
///
/// Invariant: `type_id` is that of the type which `pointer` was made of. Nothing outside of this file can make a `Typed`
/// or change one of the two; here they are made of one `T`, and a pointer only gives way to another to the same value.
// The order of the fields, and that of those around them in `Added`, puts both halves of the pointer into one of the pieces
// in which a scope's value is moved; where they are in two, the processor waits for them at the end of the scope.
#[derive(Clone)]
#[repr(C)]
pub(super) struct Typed<P> {
    pointer: P,
    type_id: TypeId,
}

impl<P> Typed<P> {
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.type_id == other.type_id
    }

    pub(super) fn into_pointer(self) -> P {
        self.pointer
    }

    #[inline]
    pub(super) fn is<T: 'static>(&self) -> bool {
        self.type_id == TypeId::of::<T>()
    }
}

// `P` is a `Box` or an `Arc`, as nothing else is made here. Both lead to the same value each time.
impl<P: Deref<Target = dyn Value>> Typed<P> {
    /// Returns the value, if it is a `T`.
    #[inline]
    pub(super) fn get<T: 'static>(&self) -> Option<&T> {
        let value: *const dyn Value = &raw const *self.pointer;
        // SAFETY: by the invariant the value is a `T` then. It lives, and is not changed, for as long as `self` is borrowed,
        // which is as long as the reference does.
        self.is::<T>().then(|| unsafe { &*value.cast::<T>() })
    }
}

impl Typed<Box<dyn Value>> {
    #[inline]
    pub(super) fn boxed<T: Value>(value: T) -> Self {
        Self { type_id: TypeId::of::<T>(), pointer: Box::new(value) }
    }

    /// Moves the value to where it can be shared.
    pub(super) fn into_shared(self) -> Typed<Arc<dyn Value>> {
        Typed { type_id: self.type_id, pointer: Arc::from(self.pointer) }
    }

    /// Returns the value, if it is a `T`.
    #[inline]
    pub(super) fn get_mut<T: 'static>(&mut self) -> Option<&mut T> {
        let value: *mut dyn Value = &raw mut *self.pointer;
        // SAFETY: by the invariant the value is a `T` then. The box is borrowed uniquely for as long as the reference lives.
        self.is::<T>().then(|| unsafe { &mut *value.cast::<T>() })
    }
}

impl Typed<Arc<dyn Value>> {
    #[inline]
    pub(super) fn shared<T: Value>(value: T) -> Self {
        Self { type_id: TypeId::of::<T>(), pointer: Arc::new(value) }
    }

    pub(super) fn pointer(&self) -> &Arc<dyn Value> {
        &self.pointer
    }

    /// Returns the value, if it is a `T` and nobody has a share in it.
    pub(super) fn get_mut_unshared<T: 'static>(&mut self) -> Option<&mut T> {
        let value: *mut dyn Value = Arc::get_mut(&mut self.pointer)?;
        // SAFETY: by the invariant the value is a `T` then. `get_mut` has borrowed it uniquely for as long as the reference
        // lives.
        self.is::<T>().then(|| unsafe { &mut *value.cast::<T>() })
    }
}

#[cfg(test)]
mod tests {
    use super::Typed;

    /// Of the layout of a `u32`, and another type.
    #[derive(Debug)]
    #[repr(transparent)]
    struct Tenant(u32);

    #[test]
    fn a_value_is_what_it_was_made_of_and_nothing_else() {
        let boxed = Typed::boxed(7_u32);
        assert_eq!(boxed.get::<u32>(), Some(&7));
        assert!(boxed.get::<Tenant>().is_none() && boxed.get::<i32>().is_none() && boxed.get::<()>().is_none());
        assert_eq!(Typed::boxed(Tenant(7)).get::<Tenant>().map(|tenant| tenant.0), Some(7));
        assert_eq!(Typed::boxed(()).get(), Some(&()));
    }

    #[test]
    fn a_value_of_a_destructor_and_of_any_alignment_is_found_where_it_is() {
        #[derive(Debug, PartialEq)]
        #[repr(align(64))]
        struct Aligned(u8, String);
        let aligned = || Aligned(7, "ES".into());
        for shared in [Typed::shared(aligned()), Typed::boxed(aligned()).into_shared()] {
            assert_eq!(shared.clone().get(), Some(&aligned()));
            assert!(shared.get::<String>().is_none());
        }
    }

    #[test]
    fn a_value_is_changed_in_its_place_and_only_as_what_it_is() {
        let mut boxed = Typed::boxed(7_u32);
        assert!(boxed.get_mut::<Tenant>().is_none());
        *boxed.get_mut().unwrap() = 8_u32;
        let mut shared = boxed.into_shared();
        assert!(shared.get_mut_unshared::<Tenant>().is_none());
        *shared.get_mut_unshared::<u32>().unwrap() += 1;
        let share = shared.clone();
        assert!(shared.get_mut_unshared::<u32>().is_none(), "somebody has a share in it");
        assert_eq!((shared.get(), share.into_pointer().type_name()), (Some(&9_u32), "u32".into()));
        assert_eq!(shared.get_mut_unshared(), Some(&mut 9_u32));
    }
}

//! One value of the context, with where it was set.

use std::any::Any;
use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use super::origin::Origin;
use super::typed::Typed;
use crate::{Confined, Home, RoutingKey};

/// What a value of the context must be; every suitable type is one.
pub(super) trait Value: Any + Send + Sync + Debug {
    fn type_name(&self) -> String;
}

impl<T: Send + Sync + Debug + 'static> Value for T {
    fn type_name(&self) -> String {
        short_name::<T>()
    }
}

/// One value of a [`Context`](super::Context) and where it was set.
///
/// `Debug` prints the value, and `Display` the value and its origin.
///
/// ```
/// use domicile::{Context, RoutingKey};
///
/// let context = Context::empty().and(RoutingKey::new("ES"));
/// let entry = context.entries().next().unwrap();
/// assert_eq!(entry.type_name(), "RoutingKey");
/// assert_eq!(format!("{entry:?}"), "RoutingKey(ES)");
/// assert_eq!(entry.origin().location().unwrap().file(), file!());
/// ```
#[derive(Clone)]
pub struct Entry {
    value: Typed<Arc<dyn Value>>,
    origin: Origin,
}

impl Entry {
    #[track_caller]
    pub(super) fn new<T: Send + Sync + Debug + 'static>(value: T) -> Self {
        Self::from(value, Origin::caller())
    }

    pub(super) fn from<T: Send + Sync + Debug + 'static>(value: T, origin: Origin) -> Self {
        Self::shared(Typed::shared(value), origin)
    }

    pub(super) fn shared(value: Typed<Arc<dyn Value>>, origin: Origin) -> Self {
        Self { value, origin }
    }

    #[inline]
    pub(super) fn is<T: 'static>(&self) -> bool {
        self.value.is::<T>()
    }

    /// Tells whether both are values of one type.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.value.is_like(&other.value)
    }

    /// Returns the name of the value's type without its module path: `Country`, or `Option<Country>`.
    ///
    /// ```
    /// let context = domicile::Context::empty().and(Some(String::from("ES")));
    /// assert_eq!(context.entry::<Option<String>>().unwrap().type_name(), "Option<String>");
    /// ```
    pub fn type_name(&self) -> String {
        (**self.share()).type_name()
    }

    /// Returns where the value was set: the caller of `set`, `with`, `enter`, `scope` or `and`, or what `and_from` was
    /// told.
    ///
    /// ```
    /// let context = domicile::Context::empty().and(7_u32);
    /// assert_eq!(context.entry::<u32>().unwrap().origin().location().unwrap().line(), line!() - 1);
    /// ```
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Tells whether the value is one that routers are there to read, and no secret.
    pub(crate) fn is_for_routing(&self) -> bool {
        self.is::<RoutingKey>() || self.is::<Home>() || self.is::<Confined>()
    }

    /// Returns the value, if it is a `T`.
    ///
    /// ```
    /// let context = domicile::Context::empty().and(7_u32);
    /// let entry = context.entries().next().unwrap();
    /// assert_eq!(entry.value::<u32>(), Some(&7));
    /// assert_eq!(entry.value::<u64>(), None);
    /// ```
    #[inline]
    pub fn value<T: 'static>(&self) -> Option<&T> {
        self.value.get()
    }

    pub(super) fn share(&self) -> &Arc<dyn Value> {
        self.value.pointer()
    }
}

/// Returns the value as what it is, if it is a `T`.
pub(super) fn downcast<T: Send + Sync + 'static>(value: Arc<dyn Value>) -> Option<Arc<T>> {
    let any: Arc<dyn Any + Send + Sync> = value;
    any.downcast().ok()
}

impl Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.share().fmt(f)
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.type_name();
        let value = format!("{self:?}");
        // Most values print their own type, as in `Country("ES")`. A string or a number does not, and is ambiguous alone.
        let names_itself = value.starts_with(name.split('<').next().unwrap_or(&name));
        if !names_itself {
            write!(f, "{name} ")?;
        }
        write!(f, "{value} set at {}", self.origin)
    }
}

/// Returns the name of a type without module paths, also within its generic arguments.
pub(super) fn short_name<T: ?Sized>() -> String {
    without_paths(std::any::type_name::<T>())
}

fn without_paths(full: &str) -> String {
    let mut short = String::with_capacity(full.len());
    let mut name_start = 0;
    let mut rest = full;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::") {
            short.truncate(name_start);
            rest = after;
            continue;
        }
        short.push(next);
        if !(next.is_alphanumeric() || next == '_') {
            name_start = short.len();
        }
        rest = &rest[next.len_utf8()..];
    }
    short
}

#[cfg(test)]
mod tests {
    use super::{Entry, without_paths};

    #[test]
    fn names_lose_their_paths_and_keep_their_generics() {
        for (full, short) in [
            ("Country", "Country"),
            ("app::geo::Country", "Country"),
            ("alloc::vec::Vec<app::Country>", "Vec<Country>"),
            ("(app::A, b::C)", "(A, C)"),
            ("&dyn core::fmt::Debug", "&dyn Debug"),
            ("std::collections::HashMap<a::K, [b::V; 3]>", "HashMap<K, [V; 3]>"),
            ("app::Größe", "Größe"),
        ] {
            assert_eq!(without_paths(full), short);
        }
    }

    #[test]
    fn display_names_the_type_once() {
        let line = line!();
        let named = Entry::new(Some(7_u8));
        let bare = Entry::new("ES");
        let file = file!();
        assert_eq!(named.to_string(), format!("Option<u8> Some(7) set at {file}:{}", line + 1));
        assert_eq!(bare.to_string(), format!("&str \"ES\" set at {file}:{}", line + 2));
    }
}

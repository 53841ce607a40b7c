//! Where a value of the context comes from.

use std::fmt::{self, Display};
use std::panic::Location;
use std::sync::Arc;

/// Where a value was set: a line of code, or what a program tells of a value that it passes on for somebody else.
///
/// ```
/// use domicile::{Context, Origin, RoutingKey};
///
/// let context = Context::empty().and_from(RoutingKey::new("ES"), Origin::told("domicile.toml:15"));
/// assert_eq!(context.to_string(), "RoutingKey(ES) set at domicile.toml:15");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Place);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Code(&'static Location<'static>),
    Told(Arc<str>),
}

impl Origin {
    /// Makes the origin of a value that comes from outside the code: a line of a file, a header of a request. It
    /// completes "set at …".
    ///
    /// ```
    /// use domicile::Origin;
    ///
    /// assert_eq!(Origin::told("domicile.toml:15").to_string(), "domicile.toml:15");
    /// ```
    pub fn told(place: impl Into<Arc<str>>) -> Self {
        Self(Place::Told(place.into()))
    }

    /// Makes the origin that is the line of code which calls this, or which calls the `#[track_caller]` function around.
    ///
    /// ```
    /// use domicile::Origin;
    ///
    /// assert_eq!(Origin::caller().location().unwrap().line(), line!());
    /// ```
    #[track_caller]
    pub fn caller() -> Self {
        Self::code(Location::caller())
    }

    pub(super) fn code(location: &'static Location<'static>) -> Self {
        Self(Place::Code(location))
    }

    /// Returns the line of code, if it is one.
    ///
    /// ```
    /// use domicile::{Context, Origin};
    ///
    /// let context = Context::empty().and(7_u32);
    /// assert_eq!(context.entry::<u32>().unwrap().origin().location().unwrap().line(), line!() - 1);
    /// assert_eq!(Origin::told("domicile.toml:15").location(), None);
    /// ```
    pub fn location(&self) -> Option<&'static Location<'static>> {
        match self.0 {
            Place::Code(location) => Some(location),
            Place::Told(_) => None,
        }
    }
}

impl Display for Origin {
    /// Prints a line of code as `src/aggregate.rs:41`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Code(location) => write!(f, "{}:{}", location.file(), location.line()),
            Place::Told(place) => f.write_str(place),
        }
    }
}

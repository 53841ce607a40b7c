//! A value with the home that it was loaded from.

use std::ops::{Deref, DerefMut};

use crate::{Home, Record, RoutingKey};

/// A value and the home that it was loaded from.
///
/// Two homes may hold different things under the same primary key, and nothing in a row says which home it is of. This
/// does: values of two homes are never equal, and as a [`Record`] it is a witness, so that what belongs to the value is
/// read from its own home, or refused.
///
/// ```
/// use domicile::{Home, Located};
///
/// # fn main() -> Result<(), domicile::Error> {
/// let spanish = Located::new(Home::new("es")?, (1, "Ana"));
/// let french = Located::new(Home::new("fr")?, (1, "Ana"));
/// assert_ne!(spanish, french);
/// assert_eq!(spanish.1, "Ana");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Located<T> {
    home: Home,
    value: T,
}

impl<T> Located<T> {
    /// Says that a value was loaded from a home.
    ///
    /// ```
    /// use domicile::{Home, Located};
    ///
    /// assert_eq!(*Located::new(Home::new("es").unwrap(), 7), 7);
    /// ```
    pub fn new(home: Home, value: T) -> Self {
        Self { home, value }
    }

    /// Returns the home that the value was loaded from.
    ///
    /// ```
    /// use domicile::{Home, Located};
    ///
    /// assert_eq!(Located::new(Home::new("es").unwrap(), 7).home().as_str(), "es");
    /// ```
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Returns the value alone; from here on it is the caller who knows where it is from.
    ///
    /// ```
    /// use domicile::{Home, Located};
    ///
    /// assert_eq!(Located::new(Home::new("es").unwrap(), 7).into_value(), 7);
    /// ```
    pub fn into_value(self) -> T {
        self.value
    }

    /// Makes another value of this one, which is from the same home.
    ///
    /// ```
    /// use domicile::{Home, Located};
    ///
    /// let customer = Located::new(Home::new("es").unwrap(), (1, "Ana")).map(|(_, name)| name);
    /// assert_eq!((customer.home().as_str(), *customer), ("es", "Ana"));
    /// ```
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Located<U> {
        Located { home: self.home, value: f(self.value) }
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Located<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Record for Located<T> {
    fn routing_key(&self) -> Option<RoutingKey> {
        None
    }

    fn loaded_from(&self) -> Option<Home> {
        Some(self.home.clone())
    }
}

//! The routing key: the datum that decides.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;

/// The datum that decides where a record lives: a country, a tenant, a region.
///
/// Keys are compared as they are: `ES` and `es` are two keys. Clones share the text.
///
/// ```
/// use domicile::RoutingKey;
///
/// let key = RoutingKey::new("ES");
/// assert_eq!(key.to_string(), "ES");
/// assert_eq!(format!("{key:?}"), "RoutingKey(ES)");
/// assert_ne!(key, RoutingKey::new("es"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutingKey(Arc<str>);

impl RoutingKey {
    /// Makes a routing key of any text.
    ///
    /// ```
    /// use domicile::RoutingKey;
    ///
    /// assert_eq!(RoutingKey::new("ES"), RoutingKey::new(String::from("ES")));
    /// ```
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }

    /// Returns the text of the key.
    ///
    /// ```
    /// assert_eq!(domicile::RoutingKey::new("ES").as_str(), "ES");
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Debug for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingKey({self})")
    }
}

//! What a record says of where it belongs.

use crate::{Home, RoutingKey};

/// What routing needs to know of a record.
///
/// ```
/// use domicile::{Record, RoutingKey};
///
/// struct Order {
///     country: Option<String>,
/// }
///
/// impl Record for Order {
///     fn routing_key(&self) -> Option<RoutingKey> {
///         self.country.as_deref().map(RoutingKey::new)
///     }
/// }
///
/// let order = Order { country: Some("ES".into()) };
/// assert_eq!(order.routing_key(), Some(RoutingKey::new("ES")));
/// ```
pub trait Record {
    /// Returns the record's own routing key, or `None` if the record does not say. It must not be guessed.
    fn routing_key(&self) -> Option<RoutingKey>;

    /// Returns the home that the record was loaded from, or `None` for a new record.
    fn loaded_from(&self) -> Option<Home> {
        None
    }
}

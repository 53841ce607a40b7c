//! Routing by a placement.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Operation, Record, Router};
use crate::{Confined, Error, Home, Placed, Placement, Route, RoutingKey, Witness, context};

/// Routes by a [`Placement`] and by everything that is known of an operation.
///
/// The witnesses are, the strongest first: the record's own key, the keys that the operation names, the home that the
/// record was loaded from, the home that the operation names, the one of the open transaction, and the one that the
/// scope is [`Confined`](crate::Confined) to; then the [`RoutingKey`] and the [`Home`] in the context, unless the
/// operation names its home. All that are known must lead to the same home.
///
/// With no witness at all it has no opinion. Two records may refer to each other if both their homes are known and are
/// the same, and may not if they differ. Every table is migrated to the homes of the placement.
///
/// # Errors
///
/// - [`Error::is_unknown_key`] for a key that was not placed.
/// - [`Error::is_unknown_home`] for a home that is not of the placement.
/// - [`Error::is_disagreement`] if two witnesses lead to different homes.
///
/// ```
/// use domicile::{Chain, Home, Operation, Placement, PlacementRouter, Record, RoutingKey, context};
///
/// struct Order(&'static str);
/// impl Record for Order {
///     fn routing_key(&self) -> Option<RoutingKey> {
///         Some(RoutingKey::new(self.0))
///     }
/// }
///
/// # fn main() -> Result<(), domicile::Error> {
/// let placement = Placement::builder()
///     .place(RoutingKey::new("ES"), Home::new("es")?, "domicile.toml:12")
///     .place(RoutingKey::new("FR"), Home::new("fr")?, "domicile.toml:13")
///     .build()?;
/// let routers = Chain::new(PlacementRouter::new(placement));
///
/// let spanish = Order("ES");
/// let write = Operation::write("orders").with_record(&spanish);
/// let route = routers.route(&write)?;
/// assert_eq!(route.to_string(), "es, because the record's key is ES (placed by domicile.toml:12)");
///
/// let refused = context::with(RoutingKey::new("FR"), || routers.route(&write));
/// assert!(refused.unwrap_err().is_disagreement());
/// # Ok(())
/// # }
/// ```
///
/// Clones share the placement, so that one that is kept can [`replace`](Self::replace) it for a chain that is at work.
#[derive(Clone, Debug)]
pub struct PlacementRouter {
    placement: Arc<ArcSwap<Placement>>,
}

impl PlacementRouter {
    /// Makes a router of a placement.
    ///
    /// ```
    /// use domicile::{Placement, PlacementRouter, Router};
    ///
    /// let router = PlacementRouter::new(Placement::builder().build().unwrap());
    /// assert_eq!(router.name(), "placement");
    /// ```
    pub fn new(placement: Placement) -> Self {
        Self { placement: Arc::new(ArcSwap::from_pointee(placement)) }
    }

    /// Puts another placement in place of the one that is there, and returns that: a new country needs no restart.
    ///
    /// Each operation is routed by one placement as a whole, the old one or the new one: an operation that is being
    /// routed meanwhile goes by the old one, and one that begins later by the new one. What was routed before stays where
    /// it is: a key that has another home now finds nothing there of what it had, and moving that is for the caller.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Placement, PlacementRouter, RoutingKey, context};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let placement = |key, home| Placement::builder().place(RoutingKey::new(key), home, "domicile.toml:12").build();
    /// let router = PlacementRouter::new(placement("ES", Home::new("es")?)?);
    /// let routers = Chain::new(router.clone());
    /// let italian = || context::with(RoutingKey::new("IT"), || routers.route(&Operation::read("orders")));
    /// assert!(italian().unwrap_err().is_unknown_key());
    ///
    /// router.replace(placement("IT", Home::new("it")?)?);
    /// assert_eq!(italian()?.home().as_str(), "it");
    /// # Ok(())
    /// # }
    /// ```
    pub fn replace(&self, placement: Placement) -> Arc<Placement> {
        self.placement.swap(Arc::new(placement))
    }

    /// Returns the placement that is in use now.
    ///
    /// ```
    /// use domicile::{Placement, PlacementRouter};
    ///
    /// let router = PlacementRouter::new(Placement::builder().build().unwrap());
    /// assert_eq!(router.placement().homes().count(), 0);
    /// ```
    pub fn placement(&self) -> Arc<Placement> {
        self.placement.load_full()
    }

    fn route(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        let mut route = None;
        self.hold_all(operation, &mut route)?;
        Ok(route)
    }

    /// Makes a route of all witnesses, which must agree.
    fn hold_all(&self, operation: &Operation<'_>, route: &mut Option<Route>) -> Result<(), Error> {
        // Looked at once: all witnesses are held against the same placement.
        let placement = self.placement.load();
        if let Some(key) = operation.record().and_then(Record::routing_key) {
            let placed = placement.shared_home_of(&key);
            let placed = placed.ok_or_else(|| Error::unknown_key(operation, &key, "it is the record's key"))?;
            Route::hold(route, || Witness::record_key(placed));
        }
        for (key, found) in operation.shared_keys() {
            let placed = placement.shared_home_of(key);
            let placed = placed.ok_or_else(|| Error::unknown_key(operation, key, &format!("it is {found}")))?;
            Route::hold(route, || Witness::statement_key(placed, Arc::clone(found)));
        }
        for witness in operation.known_homes() {
            Route::hold(route, || witness);
        }
        ask_context(&placement, operation, route)?;
        let witnesses = route.as_ref().map_or(&[][..], |route| route.reason().witnesses());
        for (index, witness) in witnesses.iter().enumerate() {
            // A key's home is one of the placement; others are named by whoever may be wrong.
            if witness.key().is_none() && !placement.has_home(witness.home()) {
                return Err(Error::unknown_home(operation, witness));
            }
            if index > 0 && witness.home() != witnesses[0].home() {
                return Err(Error::disagreement(operation, witnesses));
            }
        }
        Ok(())
    }
}

fn ask_context(placement: &Placement, operation: &Operation<'_>, route: &mut Option<Route>) -> Result<(), Error> {
    let asked = context::look(|in_scope| {
        let (mut confined, mut key, mut home) = (None, None, None::<context::Found<'_, Home>>);
        in_scope.each(|seen| {
            seen.keep_if(&mut confined);
            seen.keep_if(&mut key);
            seen.keep_if(&mut home);
        });
        if let Some(confined) = confined {
            Route::hold(route, || Confined::witness(confined));
        }
        if operation.overrides_context() {
            return None;
        }
        if let Some(key) = key {
            let Some(placed) = placement.shared_home_of(key.value) else {
                return Some((key.value.clone(), key.origin()));
            };
            Route::hold(route, || Witness::context_key(placed, key.origin()));
        }
        if let Some(home) = home {
            Route::hold(route, || Witness::context_home(home.value.clone(), home.origin()));
        }
        None
    });
    match asked.flatten() {
        None => Ok(()),
        Some((key, set_at)) => Err(Error::unknown_key(operation, &key, &format!("{key:?} was set at {set_at}"))),
    }
}

/// Returns the homes that a record is known to belong to; more than one if it contradicts itself.
fn homes_of(placement: &Placement, record: &dyn Record) -> Vec<Home> {
    let by_key = record.routing_key().and_then(|key| Some(placement.home_of(&key)?.home().clone()));
    by_key.into_iter().chain(record.loaded_from()).collect()
}

impl Router for PlacementRouter {
    fn name(&self) -> &str {
        "placement"
    }

    fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.route(operation)
    }

    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.route(operation)
    }

    fn decide(&self, operation: &Operation<'_>, opinion: &mut Option<Route>) -> Result<(), Error> {
        self.hold_all(operation, opinion)
    }

    fn placed(&self, key: &RoutingKey) -> Option<Placed> {
        self.placement.load().home_of(key).cloned()
    }

    fn homes(&self) -> Vec<Home> {
        self.placement.load().homes().cloned().collect()
    }

    fn allow_relation(&self, one: &dyn Record, other: &dyn Record) -> Option<bool> {
        let placement = self.placement.load();
        let (mut homes, others) = (homes_of(&placement, one), homes_of(&placement, other));
        if homes.is_empty() || others.is_empty() {
            return None;
        }
        homes.extend(others);
        Some(homes.windows(2).all(|pair| pair[0] == pair[1]))
    }

    fn allow_migrate(&self, home: &Home, _table: &str) -> Option<bool> {
        self.placement.load().has_home(home).then_some(true)
    }
}

//! Asking several routers in order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{DryRun, Operation, Record, Router};
use crate::{
    Confined, Context, Error, Home, Placed, ReplicaReads, Role, Route, RoutingKey, Witness, WitnessKind, context,
};

/// Routers that are asked in order; the first opinion wins.
///
/// It is closed: where no router has an opinion the operation is refused, the relation is not allowed and the table is
/// not migrated. Clones share the routers.
///
/// ```
/// use domicile::{Chain, Home, Operation, Placement, PlacementRouter};
///
/// # fn main() -> Result<(), domicile::Error> {
/// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(Home::new("es")?).build()?));
/// assert!(routers.route(&Operation::read("orders")).unwrap_err().is_no_opinion());
/// assert!(routers.route(&Operation::read("orders").on(Home::new("es")?)).is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Chain {
    routers: Vec<Arc<dyn Router>>,
}

impl Chain {
    /// Makes a chain of one router.
    ///
    /// ```
    /// # use domicile::{Chain, Placement, PlacementRouter};
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// assert_eq!(routers.names().collect::<Vec<_>>(), ["placement"]);
    /// ```
    pub fn new(first: impl Router + 'static) -> Self {
        Self { routers: vec![Arc::new(first)] }
    }

    /// Adds a router that is asked when those before it have no opinion.
    ///
    /// ```
    /// # use domicile::{Chain, Placement, PlacementRouter};
    /// # let placement = Placement::builder().build().unwrap();
    /// let routers = Chain::new(PlacementRouter::new(placement.clone())).then(PlacementRouter::new(placement));
    /// assert_eq!(routers.names().count(), 2);
    /// ```
    #[must_use]
    pub fn then(mut self, next: impl Router + 'static) -> Self {
        self.routers.push(Arc::new(next));
        self
    }

    /// Returns the names of the routers, in the order in which they are asked.
    ///
    /// ```
    /// # use domicile::{Chain, Placement, PlacementRouter};
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// assert_eq!(routers.names().collect::<Vec<_>>(), ["placement"]);
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.routers.iter().map(|router| router.name())
    }

    /// Returns the homes that the routers may answer with, as far as they can list them.
    ///
    /// ```
    /// use domicile::{Chain, Home, Placement, PlacementRouter};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let es = Home::new("es")?;
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// assert!(routers.homes().iter().eq([&es]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn homes(&self) -> BTreeSet<Home> {
        self.routers.iter().flat_map(|router| router.homes()).collect()
    }

    /// Decides the home of an operation.
    ///
    /// # Errors
    ///
    /// - [`Error::is_no_opinion`] if no router has an opinion, and the operation neither names a home nor is of a
    ///   transaction or of a record whose home is known.
    /// - [`Error::is_disagreement`] if the first opinion contradicts the home that the record was loaded from, that the
    ///   operation names, that the open transaction belongs to or that the scope is [`Confined`] to, or the home in which
    ///   any of the routers has [`placed`](Router::placed) the key of the record or of the statement.
    /// - Whatever error a router refuses the operation with.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Placement, PlacementRouter, RoutingKey, context};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let placement = Placement::builder().place(RoutingKey::new("ES"), Home::new("es")?, "domicile.toml:12");
    /// let routers = Chain::new(PlacementRouter::new(placement.build()?));
    /// let route = context::with(RoutingKey::new("ES"), || routers.route(&Operation::read("orders")))?;
    /// assert_eq!(route.home().as_str(), "es");
    /// # Ok(())
    /// # }
    /// ```
    pub fn route(&self, operation: &Operation<'_>) -> Result<Route, Error> {
        for router in &self.routers {
            let mut opinion = None;
            router.decide(operation, &mut opinion)?;
            // Looked at where it is, and moved once: see `decide`.
            if let Some(route) = &opinion {
                let role = self.role(operation, route)?;
                if let Some(route) = opinion {
                    return Ok(route.answered_by(role));
                }
            }
        }
        self.known(operation)?.ok_or_else(|| Error::no_opinion(operation, self.names(), &Context::current()))
    }

    /// Where no router has an opinion, an operation belongs to the home that it names, that its transaction or its record is
    /// of, if there is one: somebody has said so.
    #[cold]
    fn known(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        let witnesses: Vec<_> = operation.known_homes().collect();
        if witnesses.windows(2).any(|pair| pair[0].home() != pair[1].home()) {
            return Err(Error::disagreement(operation, &witnesses));
        }
        // Routers that can list their homes know better.
        let homes = self.homes();
        let stray = |witness: &&Witness| !homes.is_empty() && !homes.contains(witness.home());
        if let Some(stray) = witnesses.iter().find(stray) {
            return Err(Error::unknown_home(operation, stray));
        }
        let mut route = None;
        witnesses.into_iter().for_each(|witness| Route::hold(&mut route, || witness));
        let Some(route) = route else { return Ok(None) };
        let role = self.role(operation, &route)?;
        Ok(Some(route.answered_by(role)))
    }

    /// Holds any router's answer against what is known of the operation, so that no router can overrule it, and says which
    /// databases of the home may answer, which is the same whatever router has decided.
    fn role(&self, operation: &Operation<'_>, route: &Route) -> Result<Role, Error> {
        let home = route.home();
        let seen = context::look(|in_scope| {
            let (mut confined, mut reads) = (None, None);
            in_scope.each(|seen| {
                seen.keep_if(&mut confined);
                seen.keep_if(&mut reads);
            });
            (Confined::allows(confined, home), ReplicaReads::role(reads, home))
        });
        let (is_allowed, role) = seen.unwrap_or((true, Role::Primary));
        let is_placed_elsewhere = || {
            let mut is_any = false;
            self.each_key_elsewhere(operation, route, |_| is_any = true);
            is_any
        };
        if !is_allowed || !operation.is_known_for(home) || is_placed_elsewhere() {
            return Err(self.disagreement(operation, route));
        }
        Ok(if operation.needs_primary() { Role::Primary } else { role })
    }

    /// Shows `visit` the keys of the operation that some router has placed in another home than that of the route.
    fn each_key_elsewhere(&self, operation: &Operation<'_>, route: &Route, mut visit: impl FnMut(Witness)) {
        let mut hold = |witness: Witness| {
            if witness.home() != route.home() {
                visit(witness);
            }
        };
        // A route that was made of a key is for the home of that key.
        let witnesses = route.reason().witnesses();
        if let Some(record) = operation.record()
            && witnesses.iter().all(|witness| witness.kind() != WitnessKind::RecordKey)
            && let Some(placed) = record.routing_key().and_then(|key| self.placed(&key))
        {
            hold(Witness::record_key(&Arc::new(placed)));
        }
        for (key, found) in operation.shared_keys() {
            if witnesses.iter().all(|witness| witness.key() != Some(key))
                && let Some(placed) = self.placed(key)
            {
                hold(Witness::statement_key(&Arc::new(placed), Arc::clone(found)));
            }
        }
    }

    fn placed(&self, key: &RoutingKey) -> Option<Placed> {
        self.routers.iter().find_map(|router| router.placed(key))
    }

    #[cold]
    fn disagreement(&self, operation: &Operation<'_>, route: &Route) -> Error {
        let mut witnesses = route.reason().witnesses().to_vec();
        self.each_key_elsewhere(operation, route, |witness| witnesses.push(witness));
        witnesses.extend(operation.known_homes());
        witnesses.extend(context::look_at(Confined::witness));
        Error::disagreement(operation, &witnesses)
    }

    /// Says where each of many operations would go, and does nothing else: for a file of records, before it is loaded.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Placement, PlacementRouter};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let es = Home::new("es")?;
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// let dry_run = routers.dry_run([Operation::write("orders").on(es.clone()), Operation::write("orders")]);
    /// assert_eq!((dry_run.routed()[&es], dry_run.refused()), (1, 1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn dry_run<'a>(&self, operations: impl IntoIterator<Item = Operation<'a>>) -> DryRun {
        DryRun::new(self, operations)
    }

    /// Says whether two records may refer to each other. Without an opinion from any router they may not.
    ///
    /// ```
    /// use domicile::{Chain, Placement, PlacementRouter, Record, RoutingKey};
    ///
    /// struct Unknown;
    /// impl Record for Unknown {
    ///     fn routing_key(&self) -> Option<RoutingKey> {
    ///         None
    ///     }
    /// }
    ///
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// assert!(!routers.allow_relation(&Unknown, &Unknown));
    /// ```
    pub fn allow_relation(&self, one: &dyn Record, other: &dyn Record) -> bool {
        self.routers.iter().find_map(|router| router.allow_relation(one, other)).unwrap_or(false)
    }

    /// Says whether a table belongs into a home. Without an opinion from any router it does not.
    ///
    /// ```
    /// use domicile::{Chain, Home, Placement, PlacementRouter};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// assert!(routers.allow_migrate(&es, "orders"));
    /// assert!(!routers.allow_migrate(&fr, "orders"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn allow_migrate(&self, home: &Home, table: &str) -> bool {
        self.routers.iter().find_map(|router| router.allow_migrate(home, table)).unwrap_or(false)
    }
}

//! What a handle knows of all operations that are sent through it, and the handles that know more.

use std::sync::Arc;

use domicile::{Home, Operation, Origin, Record, RoutingKey};

use crate::Error;
use crate::capability::Capability;
use crate::decide::UNKNOWN_TABLE;
use crate::homes::Homes;

/// What a handle knows of all operations that are sent through it, whatever is in the context.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) on: Option<(Home, Origin)>,
    // The home that is asked of a handle that was fixed to another.
    pub(crate) asked: Option<(Home, Origin)>,
    pub(crate) record: Option<Known>,
    // In a transaction the first statement may be a read, and a write follows: none of them is for a replica.
    pub(crate) in_transaction: bool,
    pub(crate) transaction: Option<(Home, Arc<str>)>,
}

/// What is known of a record.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    key: Option<RoutingKey>,
    loaded_from: Option<Home>,
}

impl Known {
    pub(crate) fn of(record: &dyn Record) -> Self {
        Self { key: record.routing_key(), loaded_from: record.loaded_from() }
    }
}

impl Record for Known {
    fn routing_key(&self) -> Option<RoutingKey> {
        self.key.clone()
    }

    fn loaded_from(&self) -> Option<Home> {
        self.loaded_from.clone()
    }
}

impl Facts {
    /// The same, for one home of several that are asked. Where the handle was fixed to another, both are told, so that
    /// all that is sent is refused.
    pub(crate) fn asking(&self, home: Home, origin: Origin) -> Self {
        let facts = self.clone();
        match &self.on {
            Some((fixed, _)) if *fixed != home => Self { asked: Some((home, origin)), ..facts },
            _ => Self { on: Some((home, origin)), ..facts },
        }
    }

    /// Adds what is known to an operation.
    pub(crate) fn tell<'a>(&'a self, mut operation: Operation<'a>) -> Operation<'a> {
        if let Some(record) = &self.record {
            operation = operation.with_record(record);
        }
        for (home, origin) in [&self.on, &self.asked].into_iter().flatten() {
            operation = operation.on_from(home.clone(), origin.clone());
        }
        if self.in_transaction {
            operation = operation.on_primary();
        }
        if let Some((home, opened)) = &self.transaction {
            operation = operation.in_transaction_of(home.clone(), Arc::clone(opened));
        }
        operation
    }
}

impl<DB: Capability> Homes<DB> {
    /// Returns a handle that sends everything to this home. It overrides the context, but neither what a statement says
    /// itself nor a scope that is confined to another home. That there is such a home is found out when something is
    /// sent.
    ///
    /// ```
    /// use domicile::{Home, RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let french = homes.on(Home::new("fr")?);
    /// let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM orders").fetch_one(&french);
    /// assert_eq!(context::scope(RoutingKey::new("ES"), count).await?, 1);
    ///
    /// // What the statement says is not overridden.
    /// let refused = sqlx::query("DELETE FROM orders WHERE country = 'ES'").execute(&french).await.unwrap_err();
    /// assert!(refused.to_string().contains("es, because the statement's orders.country is ES"));
    /// # Ok(()) }
    /// ```
    #[track_caller]
    #[must_use]
    pub fn on(&self, home: Home) -> Self {
        self.knowing(Facts { on: Some((home, Origin::caller())), ..self.facts.clone() })
    }

    /// Returns a handle to the home that the context says here and now. It keeps that home when it is used in another
    /// scope: for a paginator, or for a future that is polled elsewhere.
    ///
    /// # Errors
    ///
    /// Whatever routing refuses, as where the context says no home.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let here = context::with(RoutingKey::new("ES"), || homes.here())?;
    /// let count: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&here).await?;
    /// assert_eq!((count, here.home().unwrap().as_str()), (2, "es"));
    ///
    /// assert!(homes.here().unwrap_err().routing().unwrap().is_no_opinion());
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn here(&self) -> Result<Self, Error> {
        let caller = Origin::caller();
        let operation = self.facts.tell(Operation::read(UNKNOWN_TABLE));
        let route = self.shared.routers.route(&operation)?;
        let origin = Origin::told(format!("{caller}, where it was {route}"));
        Ok(self.knowing(Facts { on: Some((route.home().clone(), origin)), ..self.facts.clone() }))
    }

    /// Returns the home that this handle was fixed to by [`on`](Self::on) or [`here`](Self::here).
    ///
    /// ```
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// assert_eq!(homes.home(), None);
    /// assert_eq!(homes.on(Home::new("es")?).home().unwrap().as_str(), "es");
    /// # Ok(()) }
    /// ```
    pub fn home(&self) -> Option<&Home> {
        self.facts.on.as_ref().map(|(home, _)| home)
    }

    /// Returns a handle for operations on this record, or on what belongs to it: its own key and the home that it was
    /// loaded from are witnesses of each.
    ///
    /// ```
    /// use domicile::{Home, Located, RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let customer = Located::new(Home::new("es")?, "Ana");
    /// let its = homes.of(&customer);
    /// let count: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&its).await?;
    /// assert_eq!(count, 2);
    ///
    /// let refused = context::scope(RoutingKey::new("FR"), sqlx::query("SELECT * FROM orders").execute(&its)).await;
    /// assert!(refused.unwrap_err().to_string().contains("the record was loaded from es"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn of(&self, record: &dyn Record) -> Self {
        self.knowing(Facts { record: Some(Known::of(record)), ..self.facts.clone() })
    }

    pub(crate) fn knowing(&self, facts: Facts) -> Self {
        Self { shared: Arc::clone(&self.shared), facts }
    }
}

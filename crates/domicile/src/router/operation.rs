//! What a router is asked about.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use crate::few::Few;
use crate::witness::{Witness, WitnessKind};
use crate::{Home, Origin, Record, RoutingKey};

/// Whether an operation reads or writes.
///
/// ```
/// use domicile::{Access, Operation};
///
/// assert_eq!(Operation::read("orders").access(), Access::Read);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It changes nothing.
    Read,
    /// It may change rows.
    Write,
}

/// What is to be routed: a read or a write of a table, with the record if there is one.
///
/// ```
/// use domicile::Operation;
///
/// assert_eq!(Operation::read("orders").to_string(), "read of orders");
/// assert_eq!(Operation::write("orders").to_string(), "write to orders");
/// ```
#[derive(Clone)]
pub struct Operation<'a> {
    access: Access,
    table: &'a str,
    schema: Option<&'a str>,
    record: Option<&'a dyn Record>,
    keys: Few<NamedKey>,
    witnesses: Few<Witness>,
    needs_primary: bool,
}

/// A routing key that the operation itself names, and where it names it.
#[derive(Clone, Debug)]
struct NamedKey {
    key: RoutingKey,
    found: Arc<str>,
}

impl<'a> Operation<'a> {
    /// Makes a read of a table.
    ///
    /// ```
    /// assert_eq!(domicile::Operation::read("orders").table(), "orders");
    /// ```
    #[inline]
    pub fn read(table: &'a str) -> Self {
        Self::new(Access::Read, table)
    }

    /// Makes a write to a table.
    ///
    /// ```
    /// assert_eq!(domicile::Operation::write("orders").table(), "orders");
    /// ```
    #[inline]
    pub fn write(table: &'a str) -> Self {
        Self::new(Access::Write, table)
    }

    #[inline]
    fn new(access: Access, table: &'a str) -> Self {
        Self { access, table, schema: None, record: None, keys: Few::None, witnesses: Few::None, needs_primary: false }
    }

    /// Adds what stands before the name of the table; see [`schema`](Self::schema).
    ///
    /// ```
    /// use domicile::Operation;
    ///
    /// let operation = Operation::write("orders").in_schema("archive");
    /// assert_eq!((operation.schema(), operation.table()), (Some("archive"), "orders"));
    /// assert_eq!(operation.to_string(), "write to archive.orders");
    /// ```
    #[must_use]
    pub fn in_schema(mut self, schema: &'a str) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Adds the record that is read or written, also when it is new.
    ///
    /// ```
    /// use domicile::{Operation, Record, RoutingKey};
    ///
    /// struct Order;
    /// impl Record for Order {
    ///     fn routing_key(&self) -> Option<RoutingKey> {
    ///         Some(RoutingKey::new("ES"))
    ///     }
    /// }
    ///
    /// let operation = Operation::write("orders").with_record(&Order);
    /// assert_eq!(operation.record().unwrap().routing_key(), Some(RoutingKey::new("ES")));
    /// ```
    #[must_use]
    pub fn with_record(mut self, record: &'a dyn Record) -> Self {
        self.record = Some(record);
        self
    }

    /// Adds a routing key that the operation itself names; `found` says in messages where, such as `orders.country`.
    ///
    /// An operation may name several, as an `INSERT` of several rows does. They must all lead to one home.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Placement, PlacementRouter, RoutingKey};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let placement = Placement::builder()
    ///     .place(RoutingKey::new("ES"), Home::new("es")?, "domicile.toml:12")
    ///     .place(RoutingKey::new("FR"), Home::new("fr")?, "domicile.toml:13")
    ///     .build()?;
    /// let routers = Chain::new(PlacementRouter::new(placement));
    /// let spanish = Operation::write("orders").with_key(RoutingKey::new("ES"), "orders.country");
    /// assert_eq!(routers.route(&spanish)?.home().as_str(), "es");
    /// let torn = spanish.with_key(RoutingKey::new("FR"), "orders.country");
    /// assert!(routers.route(&torn).unwrap_err().is_disagreement());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_key(mut self, key: RoutingKey, found: impl Into<Arc<str>>) -> Self {
        self.keys.push(|| NamedKey { key, found: found.into() });
        self
    }

    /// Says that a read must see the latest writes, so that no replica may answer it: `SELECT … FOR UPDATE`, say.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Placement, PlacementRouter, ReplicaReads, Role, context};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let es = Home::new("es")?;
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// let read = Operation::read("orders").on(es);
    /// context::with(ReplicaReads::new(), || {
    ///     assert_eq!(routers.route(&read)?.role(), Role::Replica);
    ///     assert_eq!(routers.route(&read.clone().on_primary())?.role(), Role::Primary);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn on_primary(mut self) -> Self {
        self.needs_primary = true;
        self
    }

    /// Names the home of this operation. This overrides the context, but not the record or the open transaction.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Placement, PlacementRouter, RoutingKey, context};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let placement = Placement::builder()
    ///     .place(RoutingKey::new("ES"), Home::new("es")?, "domicile.toml:12")
    ///     .home(Home::new("fr")?)
    ///     .build()?;
    /// let routers = Chain::new(PlacementRouter::new(placement));
    /// let on_fr = Operation::read("orders").on(Home::new("fr")?);
    /// let route = context::with(RoutingKey::new("ES"), || routers.route(&on_fr))?;
    /// assert_eq!(route.home().as_str(), "fr");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    #[must_use]
    pub fn on(self, home: Home) -> Self {
        self.on_from(home, Origin::caller())
    }

    /// Names the home of this operation as [`on`](Self::on) does, and tells where that was said in place of the line of
    /// this call: for what passes on what its caller has said.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Origin, Placement, PlacementRouter};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(Home::new("es")?).build()?));
    /// let read = Operation::read("orders").on_from(Home::new("es")?, Origin::told("src/report.rs:41"));
    /// assert_eq!(routers.route(&read)?.to_string(), "es, because the operation was sent to es at src/report.rs:41");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_from(mut self, home: Home, origin: Origin) -> Self {
        self.witnesses.push(|| Witness::explicit(home, origin));
        self
    }

    /// Says that a transaction of this home is open; `opened` tells in messages where, such as `src/sync.rs:20`.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Placement, PlacementRouter, RoutingKey, context};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let placement = Placement::builder()
    ///     .place(RoutingKey::new("ES"), Home::new("es")?, "domicile.toml:12")
    ///     .home(Home::new("fr")?)
    ///     .build()?;
    /// let routers = Chain::new(PlacementRouter::new(placement));
    /// let statement = Operation::write("orders").in_transaction_of(Home::new("fr")?, "src/sync.rs:20");
    /// let refused = context::with(RoutingKey::new("ES"), || routers.route(&statement));
    /// assert!(refused.unwrap_err().is_disagreement());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn in_transaction_of(mut self, home: Home, opened: impl Into<Arc<str>>) -> Self {
        self.witnesses.push(|| Witness::transaction(home, opened.into()));
        self
    }

    /// Returns whether this reads or writes.
    ///
    /// ```
    /// use domicile::{Access, Operation};
    ///
    /// assert_eq!(Operation::write("orders").access(), Access::Write);
    /// ```
    pub fn access(&self) -> Access {
        self.access
    }

    /// Returns the table, without what stands before its name. Of a statement it is in lower case.
    ///
    /// ```
    /// assert_eq!(domicile::Operation::read("orders").table(), "orders");
    /// ```
    pub fn table(&self) -> &'a str {
        self.table
    }

    /// Returns what stands before the name of the table: a schema in PostgreSQL, a database in MySQL, `main` or `temp` in
    /// SQLite. Of a statement it is in lower case.
    ///
    /// It is `None` where nothing stands there. Which schema a bare name leads to is for the connection to say, so that a
    /// router MUST NOT take it for one schema or the other.
    ///
    /// ```
    /// use domicile::{Chain, Error, Home, Operation, Route, Router};
    ///
    /// /// Whatever is in the schema `archive` is in a database of its own.
    /// struct Archive(Home);
    ///
    /// impl Router for Archive {
    ///     fn name(&self) -> &str {
    ///         "archive"
    ///     }
    ///
    ///     fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
    ///         let is_mine = operation.schema() == Some("archive");
    ///         Ok(is_mine.then(|| Route::new(self.0.clone(), "the archive has its own")))
    ///     }
    ///
    ///     fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
    ///         self.route_read(operation)
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Error> {
    /// let routers = Chain::new(Archive(Home::new("archive")?));
    /// let archived = Operation::read("orders").in_schema("archive");
    /// assert_eq!(routers.route(&archived)?.home().as_str(), "archive");
    /// assert!(routers.route(&Operation::read("orders")).unwrap_err().is_no_opinion());
    /// # Ok(())
    /// # }
    /// ```
    pub fn schema(&self) -> Option<&'a str> {
        self.schema
    }

    /// Returns the record, if there is one.
    ///
    /// ```
    /// assert!(domicile::Operation::read("orders").record().is_none());
    /// ```
    pub fn record(&self) -> Option<&'a dyn Record> {
        self.record
    }

    /// Returns the routing keys that the operation itself names, and where it names each.
    ///
    /// ```
    /// use domicile::{Operation, RoutingKey};
    ///
    /// let operation = Operation::write("orders").with_key(RoutingKey::new("ES"), "orders.country");
    /// assert_eq!(operation.keys().next(), Some((&RoutingKey::new("ES"), "orders.country")));
    /// ```
    pub fn keys(&self) -> impl Iterator<Item = (&RoutingKey, &str)> {
        self.keys.iter().map(|named| (&named.key, &*named.found))
    }

    pub(crate) fn shared_keys(&self) -> impl Iterator<Item = (&RoutingKey, &Arc<str>)> {
        self.keys.iter().map(|named| (&named.key, &named.found))
    }

    /// Returns the home that this names itself, by [`on`](Self::on): the context has no say then.
    ///
    /// ```
    /// use domicile::{Home, Operation};
    ///
    /// let es = Home::new("es").unwrap();
    /// assert_eq!(Operation::read("orders").on(es.clone()).named_home(), Some(&es));
    /// assert_eq!(Operation::read("orders").named_home(), None);
    /// ```
    pub fn named_home(&self) -> Option<&Home> {
        self.witnesses.iter().find(|witness| witness.kind() == WitnessKind::Explicit).map(Witness::home)
    }

    /// Returns whether only the home's primary may do this.
    ///
    /// ```
    /// use domicile::Operation;
    ///
    /// assert!(Operation::write("orders").needs_primary());
    /// assert!(!Operation::read("orders").needs_primary());
    /// ```
    pub fn needs_primary(&self) -> bool {
        let in_transaction = || self.witnesses.iter().any(|witness| witness.kind() == WitnessKind::Transaction);
        self.access == Access::Write || self.needs_primary || in_transaction()
    }

    /// Returns the homes that this operation is known to belong to, whatever a router makes of keys and context.
    #[inline]
    pub(crate) fn known_homes(&self) -> impl Iterator<Item = Witness> {
        self.loaded_from().map(Witness::loaded_from).into_iter().chain(self.witnesses.iter().cloned())
    }

    /// Tells whether these homes are all this one.
    #[inline]
    pub(crate) fn is_known_for(&self, home: &Home) -> bool {
        self.loaded_from().is_none_or(|from| from == *home)
            && self.witnesses.iter().all(|witness| witness.home() == home)
    }

    fn loaded_from(&self) -> Option<Home> {
        self.record.and_then(Record::loaded_from)
    }

    #[inline]
    pub(crate) fn overrides_context(&self) -> bool {
        self.named_home().is_some()
    }
}

impl Display for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.access {
            Access::Read => "read of ",
            Access::Write => "write to ",
        })?;
        if let Some(schema) = self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(self.table)
    }
}

impl Debug for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({self})")
    }
}

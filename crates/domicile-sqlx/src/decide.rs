//! Deciding the home of a statement, before anything is sent.

use std::sync::Arc;

use domicile::{Access, EachHome, Home, Operation, ReplicaReads, Role, Route, RoutingKey, Witness, WitnessKind};
use sqlx::pool::PoolConnection;

use crate::Error;
use crate::capability::Capability;
use crate::databases::HomeDatabases;
use crate::facts::Facts;
use crate::homes::Homes;
use crate::lease::Lease;
use crate::statement::{Analysis, KeyColumns, Keys, Term, Touch, bare, schema};

/// Why the key of a statement is not known whose value is bound.
const UNREAD_PARAMETER: &str = "it is in a parameter that cannot be read (sqlx shows none, and of SeaORM's those can that are a \
     text or a whole number). Say whose it is by homes.of(&record), whose routing key is known, or write the key into the \
     statement";

/// What messages call the table of an operation that names none.
pub(crate) const UNKNOWN_TABLE: &str = "a table that is not known";

/// The values of a statement's parameters, as far as they are routing keys. Used by adapters: what sqlx binds cannot be
/// read, and what a library binds that builds statements can.
///
/// ```
/// use domicile::RoutingKey;
/// use domicile_sqlx::Parameters;
///
/// /// The texts that a library has bound.
/// struct Texts<'a>(&'a [&'a str]);
///
/// impl Parameters for Texts<'_> {
///     fn key(&self, index: usize) -> Option<RoutingKey> {
///         self.0.get(index).map(|text| RoutingKey::new(*text))
///     }
/// }
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # fn main() -> Shown { let homes = two_homes();
/// let delete = "DELETE FROM orders WHERE country = ?";
/// assert_eq!(homes.decide(delete, &Texts(&["FR"]))?.route().home().as_str(), "fr");
/// assert_eq!(homes.decide(delete, &Texts(&["PT"]))?.route().home().as_str(), "es");
/// # Ok(()) }
/// ```
pub trait Parameters {
    /// Returns the value of a parameter, counted from 0, as a routing key; `None` if it is none or cannot be read.
    ///
    /// It MUST be the value that is sent, as the text that a literal of it would be: it is a witness of where the
    /// statement belongs. For NULL, and for an index without a parameter, it MUST be `None`.
    fn key(&self, index: usize) -> Option<RoutingKey>;
}

/// Parameters that cannot be read, as those of sqlx. What is written out in a statement is read nevertheless.
///
/// ```
/// use domicile_sqlx::Unreadable;
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # fn main() -> Shown { let homes = two_homes();
/// let decided = homes.decide("DELETE FROM orders WHERE country = 'FR'", &Unreadable)?;
/// assert_eq!(decided.route().home().as_str(), "fr");
///
/// // What is in a parameter is for the context to say, which says nothing here.
/// let refused = homes.decide("DELETE FROM orders WHERE country = ?", &Unreadable).unwrap_err();
/// assert!(refused.routing().unwrap().is_no_opinion());
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Unreadable;

impl Parameters for Unreadable {
    fn key(&self, _: usize) -> Option<RoutingKey> {
        None
    }
}

/// A statement whose home is decided, and which has not been sent; made by [`Homes::decide`]. Used by adapters.
///
/// It keeps its home and its database, whatever is in the context and added to the homes later.
///
/// ```
/// use domicile::{RoutingKey, context};
/// use domicile_sqlx::Unreadable;
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// let sql = "SELECT sum(amount) FROM orders";
/// let decided = context::with(RoutingKey::new("FR"), || homes.decide(sql, &Unreadable))?;
///
/// let lease = decided.lease().await?;
/// let sum: i64 = sqlx::query_scalar(sql).fetch_one(lease.pool()).await?;
/// assert_eq!(sum, 4);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Decided<DB: Capability> {
    route: Route,
    databases: Arc<HomeDatabases<DB>>,
}

impl<DB: Capability> Decided<DB> {
    /// Returns the home, and why it is that.
    ///
    /// ```
    /// use domicile_sqlx::Unreadable;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// let decided = homes.decide("DELETE FROM orders WHERE country IN ('ES', 'PT')", &Unreadable)?;
    /// assert_eq!(decided.route().home().as_str(), "es");
    /// assert!(decided.route().to_string().contains("the statement's orders.country is PT"));
    /// # Ok(()) }
    /// ```
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Takes a connection to it, and waits for one if need be; see [`Builder::wait`](crate::Builder::wait). A future
    /// that is dropped takes none. Where a replica may answer and cannot be connected to, it is one to the next, and at
    /// last to the primary.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] if none became free in time, [`Error::Connect`] if none could be opened, and
    /// [`Error::SameDatabase`], [`Error::WrongHome`] or [`Error::Unmarked`] if it leads to a database that is not the
    /// home's.
    ///
    /// ```
    /// use domicile::{Home, RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let decided = context::with(RoutingKey::new("FR"), || homes.decide_write())?;
    /// let fr = Home::new("fr")?;
    /// assert_eq!(homes.contacts()[&fr].primary, 0);
    /// let lease = decided.lease().await?;
    /// assert_eq!(homes.contacts()[&fr].primary, 1);
    /// # Ok(()) }
    /// ```
    pub async fn lease(&self) -> Result<Lease<DB>, Error> {
        self.databases.lease(self.route.role()).await
    }

    /// Takes a connection that answers.
    pub(crate) async fn connect(&self) -> Result<(Lease<DB>, PoolConnection<DB>), Error> {
        self.databases.connect(self.route.role()).await
    }
}

impl<DB: Capability> Homes<DB> {
    /// Decides the home of a statement from the context here and now, from what the statement says, and from what this
    /// handle was told. Nothing is sent.
    ///
    /// It is what the executor does first; adapters for other libraries and tests call it by itself. Of a statement
    /// that writes it is noted that its home was written to, also if it is never sent: further reads of a scope with
    /// [`ReplicaReads`] are for the primary then.
    ///
    /// # Errors
    ///
    /// [`Error::Routing`] where routing refuses it, [`Error::Statement`] where the statement itself does, and
    /// [`Error::NoDatabase`].
    ///
    /// ```
    /// use domicile_sqlx::Unreadable;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// let decided = homes.decide("DELETE FROM orders WHERE country = 'ES'", &Unreadable)?;
    /// assert_eq!(
    ///     decided.route().to_string(),
    ///     "es, because the statement's orders.country is ES (placed by domicile.toml:12)"
    /// );
    ///
    /// let refused = homes.decide("UPDATE orders SET country = 'FR' WHERE country = 'ES'", &Unreadable).unwrap_err();
    /// assert!(refused.to_string().starts_with("the statement was refused"));
    /// # Ok(()) }
    /// ```
    pub fn decide(&self, sql: &str, parameters: &dyn Parameters) -> Result<Decided<DB>, Error> {
        let analysis = self.shared.statements.analyse(sql);
        let analysis = analysis.as_ref();
        if let Some(why) = &analysis.refusal {
            return Err(Error::Statement(why.clone()));
        }
        let route = self.route(analysis, parameters)?;
        let databases = self.databases(route.home())?;
        check_qualifiers::<DB>(analysis, databases.name.as_deref(), route.home())?;
        if DB::QUALIFIER_IS_DATABASE {
            self.check_words(analysis, databases.name.as_deref(), route.home())?;
        }
        if analysis.access == Access::Write {
            ReplicaReads::wrote_to(route.home());
        }
        Ok(Decided { route, databases })
    }

    /// Refuses a text in which the name of another home's database stands before a dot, wherever that is. Homes on several
    /// servers may have databases of one name, which then lead nowhere else.
    fn check_words(&self, analysis: &Analysis, own: Option<&str>, home: &Home) -> Result<(), Error> {
        let is_own = |word: &str| own.is_some_and(|own| own.eq_ignore_ascii_case(word));
        match analysis.words.iter().find(|word| !is_own(word) && self.is_database_name(word)) {
            Some(word) => Err(Error::Statement(format!(
                "it names {word}, the database of another home, while it belongs to {home}"
            ))),
            None => Ok(()),
        }
    }

    /// Decides the home of writes that are not known yet, from the context here and now and from what this handle was
    /// told. Used by adapters: for what must be opened before there is a statement, as a savepoint.
    ///
    /// # Errors
    ///
    /// [`Error::Routing`] where routing refuses it, as where the context says no home, and [`Error::NoDatabase`].
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// let decided = context::with(RoutingKey::new("FR"), || homes.decide_write())?;
    /// assert_eq!(decided.route().home().as_str(), "fr");
    ///
    /// assert!(homes.decide_write().unwrap_err().routing().unwrap().is_no_opinion());
    /// # Ok(()) }
    /// ```
    pub fn decide_write(&self) -> Result<Decided<DB>, Error> {
        let operation = self.facts.tell(Operation::write(UNKNOWN_TABLE));
        let route = self.shared.routers.route(&operation)?;
        ReplicaReads::wrote_to(route.home());
        let databases = self.databases(route.home())?;
        Ok(Decided { route, databases })
    }

    /// Routes each table of a statement, of which all must have one home.
    fn route(&self, analysis: &Analysis, parameters: &dyn Parameters) -> Result<Route, Error> {
        let key_columns = self.shared.statements.key_columns();
        let mut tables = analysis.tables.iter().map(String::as_str).peekable();
        if tables.peek().is_none() {
            let operation = Self::operation(UNKNOWN_TABLE, analysis.access, analysis, &self.facts);
            return Ok(self.shared.routers.route(&operation)?);
        }
        let mut decided: Option<Route> = None;
        for table in tables {
            let touches = || analysis.touches.iter().filter(|touch| touch.table == table);
            let is_write = touches().any(|touch| touch.access == Access::Write);
            let access = if is_write { Access::Write } else { Access::Read };
            let mut operation = Self::operation(bare(table), access, analysis, &self.facts);
            if let Some(schema) = schema(table) {
                operation = operation.in_schema(schema);
            }
            let mut is_whole = true;
            for touch in touches() {
                let (with_keys, is_named) = with_keys(operation, touch, key_columns, parameters)?;
                operation = with_keys;
                is_whole &= is_named;
            }
            let route = self.shared.routers.route(&operation)?;
            let by_keys = |witness: &Witness| witness.kind() == WitnessKind::StatementKey;
            if !is_whole && route.reason().witnesses().iter().all(by_keys) {
                let why =
                    format!("only a part of what it touches in {table} names its routing key, and nothing else does");
                return Err(Error::Statement(why));
            }
            decided = Some(match decided {
                None => route,
                Some(before) if before.home() != route.home() => {
                    let why = format!("its tables belong to different homes: {before}; but {table} to {route}");
                    return Err(Error::Statement(why));
                }
                // One table that needs the primary needs it for all.
                Some(before) if before.role() == Role::Primary => before,
                Some(_) => route,
            });
        }
        Ok(decided.expect("there is a table"))
    }

    fn operation<'a>(table: &'a str, access: Access, analysis: &Analysis, facts: &'a Facts) -> Operation<'a> {
        let operation = match access {
            Access::Read => Operation::read(table),
            Access::Write => Operation::write(table),
        };
        let needs_primary = analysis.locks || analysis.access == Access::Write;
        facts.tell(if needs_primary { operation.on_primary() } else { operation })
    }

    /// Asks each of `homes`, a bounded number at a time.
    pub(crate) async fn each<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        homes: Vec<Home>,
        aggregate: domicile::Aggregate,
        ask: impl Fn(Home) -> F,
    ) -> EachHome<T, E> {
        use futures::StreamExt;

        let asked = futures::stream::iter(homes).map(|home| {
            let answer = ask(home.clone());
            async move { (home, answer.await) }
        });
        let results: Vec<_> = asked.buffer_unordered(self.shared.settings.concurrency).collect().await;
        EachHome::new(results, aggregate)
    }
}

/// Adds the keys that a statement names at one place of a table, and says whether they are those of all that it touches
/// there; or says why it must not go without.
fn with_keys<'a>(
    mut operation: Operation<'a>,
    touch: &Touch,
    key_columns: &KeyColumns,
    parameters: &dyn Parameters,
) -> Result<(Operation<'a>, bool), Error> {
    let Some(key) = key_columns.of(&touch.table) else { return Ok((operation, true)) };
    let mut is_whole = true;
    let column = || format!("{}.{}", touch.table, key.column);
    let undecided = |why: &str| {
        let demands = key.demand.is_for(touch.access, touch.is_insert);
        let why = format!("the routing key {} cannot be told, which the table demands: {why}", column());
        if demands { Err(Error::Statement(why)) } else { Ok(()) }
    };
    match &touch.keys {
        Keys::NotDeclared => {}
        Keys::Undecided(why) => {
            undecided(why)?;
            is_whole = false;
        }
        Keys::Unreadable(why) => {
            return Err(Error::Statement(format!("the routing key {} cannot be told: {why}", column())));
        }
        Keys::Named(terms) => {
            for term in terms {
                let named = match term {
                    Term::Literal(value) => Some(RoutingKey::new(value.as_str())),
                    Term::Parameter(index) => parameters.key(*index),
                };
                match named {
                    Some(named) => operation = operation.with_key(named, Arc::clone(&key.label)),
                    // Of one record its own key is known.
                    None if terms.len() == 1 && is_of_record(&operation) => {}
                    None => {
                        undecided(UNREAD_PARAMETER)?;
                        is_whole = false;
                    }
                }
            }
        }
    }
    Ok((operation, is_whole))
}

/// Tells whether the operation is of a record that says its key, which is held against all else that is known.
fn is_of_record(operation: &Operation<'_>) -> bool {
    operation.record().is_some_and(|record| record.routing_key().is_some())
}

/// Refuses names that lead out of the home's database, where there are such.
fn check_qualifiers<DB: Capability>(analysis: &Analysis, database: Option<&str>, home: &Home) -> Result<(), Error> {
    if !DB::QUALIFIER_IS_DATABASE {
        return Ok(());
    }
    let own = |qualifier: &str| database.is_some_and(|database| database.eq_ignore_ascii_case(qualifier));
    // What a server tells of itself may be read. A change of it would be one for all homes that it has.
    let tells = |qualifier: &str| DB::DIALECT.server_databases().contains(&qualifier);
    let allowed = |qualifier: &str, access| own(qualifier) || (access == Access::Read && tells(qualifier));
    match analysis.qualifiers.iter().find(|(qualifier, access)| !allowed(qualifier, **access)) {
        Some((qualifier, _)) => {
            let why = format!("it names the database {qualifier}, which is not that of its home {home}");
            Err(Error::Statement(why))
        }
        None => Ok(()),
    }
}

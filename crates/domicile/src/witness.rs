//! What is known about where an operation belongs.

use std::fmt::{self, Display};
use std::panic::Location;
use std::sync::Arc;

use crate::{Home, Origin, Placed, RoutingKey};

/// The kinds of [`Witness`].
///
/// ```
/// use domicile::{Home, Witness, WitnessKind};
///
/// let witness = Witness::stated(Home::new("es").unwrap(), "audits are kept in Spain");
/// assert_eq!(witness.kind(), WitnessKind::Stated);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WitnessKind {
    /// The record's own routing key.
    RecordKey,
    /// A routing key that the statement itself names, such as a value of its key column.
    StatementKey,
    /// The home that the record was loaded from.
    LoadedFrom,
    /// The home that the scope is confined to.
    Confined,
    /// The routing key in the context.
    ContextKey,
    /// The home in the context.
    ContextHome,
    /// The home that the operation itself names.
    Explicit,
    /// The home of the open transaction.
    Transaction,
    /// A router's own statement.
    Stated,
}

/// One thing that says which home an operation belongs to, and where it came from.
///
/// ```
/// use domicile::{Home, Witness};
///
/// let witness = Witness::stated(Home::new("es").unwrap(), "audits are kept in Spain");
/// assert_eq!(witness.home().as_str(), "es");
/// assert_eq!(witness.to_string(), "audits are kept in Spain");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    home: Home,
    fact: Fact,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fact {
    RecordKey { key: RoutingKey, placed_by: Arc<str> },
    StatementKey { key: RoutingKey, found: Arc<str>, placed_by: Arc<str> },
    LoadedFrom,
    Confined { set_at: Origin },
    ContextKey { key: RoutingKey, set_at: Origin, placed_by: Arc<str> },
    ContextHome { set_at: Origin },
    Explicit { called_at: Origin },
    Transaction { opened: Arc<str> },
    Stated { why: Arc<str> },
}

impl Witness {
    /// Makes the statement of a router that decides by a rule of its own; `why` completes "es, because …".
    ///
    /// ```
    /// use domicile::{Home, Witness};
    ///
    /// let witness = Witness::stated(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(witness.to_string(), "audits are kept in Spain");
    /// ```
    pub fn stated(home: Home, why: impl Into<Arc<str>>) -> Self {
        Self { home, fact: Fact::Stated { why: why.into() } }
    }

    pub(crate) fn record_key(key: RoutingKey, placed: &Placed) -> Self {
        Self { home: placed.home().clone(), fact: Fact::RecordKey { key, placed_by: placed.shared_origin() } }
    }

    pub(crate) fn statement_key(key: RoutingKey, found: Arc<str>, placed: &Placed) -> Self {
        let placed_by = placed.shared_origin();
        Self { home: placed.home().clone(), fact: Fact::StatementKey { key, found, placed_by } }
    }

    pub(crate) fn confined(home: Home, set_at: Origin) -> Self {
        Self { home, fact: Fact::Confined { set_at } }
    }

    pub(crate) fn loaded_from(home: Home) -> Self {
        Self { home, fact: Fact::LoadedFrom }
    }

    pub(crate) fn context_key(key: RoutingKey, set_at: Origin, placed: &Placed) -> Self {
        let placed_by = placed.shared_origin();
        Self { home: placed.home().clone(), fact: Fact::ContextKey { key, set_at, placed_by } }
    }

    pub(crate) fn context_home(home: Home, set_at: Origin) -> Self {
        Self { home, fact: Fact::ContextHome { set_at } }
    }

    pub(crate) fn explicit(home: Home, called_at: Origin) -> Self {
        Self { home, fact: Fact::Explicit { called_at } }
    }

    pub(crate) fn transaction(home: Home, opened: Arc<str>) -> Self {
        Self { home, fact: Fact::Transaction { opened } }
    }

    /// Returns the home that this witness leads to.
    ///
    /// ```
    /// # use domicile::{Home, Witness};
    /// let witness = Witness::stated(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(witness.home().as_str(), "es");
    /// ```
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Returns what kind of witness this is.
    ///
    /// ```
    /// # use domicile::{Home, Witness, WitnessKind};
    /// let witness = Witness::stated(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(witness.kind(), WitnessKind::Stated);
    /// ```
    pub fn kind(&self) -> WitnessKind {
        match self.fact {
            Fact::RecordKey { .. } => WitnessKind::RecordKey,
            Fact::StatementKey { .. } => WitnessKind::StatementKey,
            Fact::LoadedFrom => WitnessKind::LoadedFrom,
            Fact::Confined { .. } => WitnessKind::Confined,
            Fact::ContextKey { .. } => WitnessKind::ContextKey,
            Fact::ContextHome { .. } => WitnessKind::ContextHome,
            Fact::Explicit { .. } => WitnessKind::Explicit,
            Fact::Transaction { .. } => WitnessKind::Transaction,
            Fact::Stated { .. } => WitnessKind::Stated,
        }
    }

    /// Returns the routing key that was looked up, if this witness is one.
    ///
    /// ```
    /// # use domicile::{Home, Witness};
    /// let witness = Witness::stated(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(witness.key(), None);
    /// ```
    pub fn key(&self) -> Option<&RoutingKey> {
        match &self.fact {
            Fact::RecordKey { key, .. } | Fact::StatementKey { key, .. } | Fact::ContextKey { key, .. } => Some(key),
            _ => None,
        }
    }

    /// Returns the line of code that the witness came from, if it is one that code has set.
    ///
    /// ```
    /// # use domicile::{Home, Witness};
    /// let witness = Witness::stated(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(witness.set_at(), None);
    /// ```
    pub fn set_at(&self) -> Option<&'static Location<'static>> {
        match &self.fact {
            Fact::ContextKey { set_at, .. } | Fact::ContextHome { set_at } | Fact::Confined { set_at } => {
                set_at.location()
            }
            Fact::Explicit { called_at } => called_at.location(),
            _ => None,
        }
    }
}

impl Display for Witness {
    /// Says what is known, as it follows "es, because".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let home = &self.home;
        match &self.fact {
            Fact::RecordKey { key, placed_by } => write!(f, "the record's key is {key} (placed by {placed_by})"),
            Fact::StatementKey { key, found, placed_by } => {
                write!(f, "the statement's {found} is {key} (placed by {placed_by})")
            }
            Fact::Confined { set_at } => write!(f, "the scope was confined to {home} at {set_at}"),
            Fact::LoadedFrom => write!(f, "the record was loaded from {home}"),
            Fact::ContextKey { key, set_at, placed_by } => {
                write!(f, "{key:?} was set at {} (placed by {placed_by})", set_at)
            }
            Fact::ContextHome { set_at } => write!(f, "{home:?} was set at {}", set_at),
            Fact::Explicit { called_at } => write!(f, "the operation was sent to {home} at {}", called_at),
            Fact::Transaction { opened } => write!(f, "the open transaction belongs to {home} ({opened})"),
            Fact::Stated { why } => f.write_str(why),
        }
    }
}

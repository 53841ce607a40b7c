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
pub struct Witness(Fact);

/// What is known. Small, and with one count of what is shared, because each operation makes some.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fact {
    RecordKey { placed: Arc<Placed> },
    StatementKey { placed: Arc<Placed>, found: Arc<str> },
    LoadedFrom { home: Home },
    Confined { home: Home, set_at: Origin },
    ContextKey { placed: Arc<Placed>, set_at: Origin },
    ContextHome { home: Home, set_at: Origin },
    Explicit { home: Home, called_at: Origin },
    Transaction { home: Home, opened: Arc<str> },
    Stated { home: Home, why: Arc<str> },
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
        Self(Fact::Stated { home, why: why.into() })
    }

    pub(crate) fn record_key(placed: &Arc<Placed>) -> Self {
        Self(Fact::RecordKey { placed: Arc::clone(placed) })
    }

    pub(crate) fn statement_key(placed: &Arc<Placed>, found: Arc<str>) -> Self {
        Self(Fact::StatementKey { placed: Arc::clone(placed), found })
    }

    pub(crate) fn confined(home: Home, set_at: Origin) -> Self {
        Self(Fact::Confined { home, set_at })
    }

    pub(crate) fn loaded_from(home: Home) -> Self {
        Self(Fact::LoadedFrom { home })
    }

    pub(crate) fn context_key(placed: &Arc<Placed>, set_at: Origin) -> Self {
        Self(Fact::ContextKey { placed: Arc::clone(placed), set_at })
    }

    pub(crate) fn context_home(home: Home, set_at: Origin) -> Self {
        Self(Fact::ContextHome { home, set_at })
    }

    pub(crate) fn explicit(home: Home, called_at: Origin) -> Self {
        Self(Fact::Explicit { home, called_at })
    }

    pub(crate) fn transaction(home: Home, opened: Arc<str>) -> Self {
        Self(Fact::Transaction { home, opened })
    }

    /// Returns the home that this witness leads to.
    ///
    /// ```
    /// # use domicile::{Home, Witness};
    /// let witness = Witness::stated(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(witness.home().as_str(), "es");
    /// ```
    pub fn home(&self) -> &Home {
        match &self.0 {
            Fact::RecordKey { placed } | Fact::StatementKey { placed, .. } | Fact::ContextKey { placed, .. } => {
                placed.home()
            }
            Fact::LoadedFrom { home }
            | Fact::Confined { home, .. }
            | Fact::ContextHome { home, .. }
            | Fact::Explicit { home, .. }
            | Fact::Transaction { home, .. }
            | Fact::Stated { home, .. } => home,
        }
    }

    /// Returns what kind of witness this is.
    ///
    /// ```
    /// # use domicile::{Home, Witness, WitnessKind};
    /// let witness = Witness::stated(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(witness.kind(), WitnessKind::Stated);
    /// ```
    pub fn kind(&self) -> WitnessKind {
        match self.0 {
            Fact::RecordKey { .. } => WitnessKind::RecordKey,
            Fact::StatementKey { .. } => WitnessKind::StatementKey,
            Fact::LoadedFrom { .. } => WitnessKind::LoadedFrom,
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
        match &self.0 {
            Fact::RecordKey { placed } | Fact::StatementKey { placed, .. } | Fact::ContextKey { placed, .. } => {
                Some(placed.key())
            }
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
        match &self.0 {
            Fact::ContextKey { set_at, .. } | Fact::ContextHome { set_at, .. } | Fact::Confined { set_at, .. } => {
                set_at.location()
            }
            Fact::Explicit { called_at, .. } => called_at.location(),
            _ => None,
        }
    }
}

impl Display for Witness {
    /// Says what is known, as it follows "es, because".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Fact::RecordKey { placed } => {
                write!(f, "the record's key is {} (placed by {})", placed.key(), placed.origin())
            }
            Fact::StatementKey { placed, found } => {
                write!(f, "the statement's {found} is {} (placed by {})", placed.key(), placed.origin())
            }
            Fact::LoadedFrom { home } => write!(f, "the record was loaded from {home}"),
            Fact::Confined { home, set_at } => write!(f, "the scope was confined to {home} at {set_at}"),
            Fact::ContextKey { placed, set_at } => {
                write!(f, "{:?} was set at {set_at} (placed by {})", placed.key(), placed.origin())
            }
            Fact::ContextHome { home, set_at } => write!(f, "{home:?} was set at {set_at}"),
            Fact::Explicit { home, called_at } => write!(f, "the operation was sent to {home} at {called_at}"),
            Fact::Transaction { home, opened } => write!(f, "the open transaction belongs to {home} ({opened})"),
            Fact::Stated { why, .. } => f.write_str(why),
        }
    }
}

//! Which databases of a home may answer a read.

use std::fmt::{self, Debug};
use std::sync::Mutex;

use crate::Home;
use crate::context::{self, Found};

/// Which databases of a home may answer an operation.
///
/// ```
/// use domicile::{Home, Role, Route};
///
/// assert_eq!(Route::new(Home::new("es").unwrap(), "audits are kept in Spain").role(), Role::Primary);
/// ```
// As wide as what it is moved together with: a byte that was just stored is not there yet for a load of eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Role {
    /// The one that is written to, and no other.
    Primary,
    /// A replica, which may lag behind, where the home has one; the primary otherwise.
    Replica,
}

/// Lets replicas answer the reads of a scope, until the scope has written: a value for the context.
///
/// Without it in the context every read goes to the home's primary, because nobody has said that an old answer will do.
/// With it a read may go to a replica, which may lag behind; but once something was written to a home, all further reads
/// of that home go to its primary, so that the scope reads its own writes. Writes of other scopes may still be missed.
///
/// The rule is kept per value: a task that the context was carried to shares it, and what either writes both read. A
/// scope within, with a value of its own, starts anew. Only the adapters for databases tell it of writes, each before the
/// statement is sent: a write that fails counts as well.
///
/// ```
/// use domicile::{Chain, Home, Operation, Placement, PlacementRouter, ReplicaReads, Role, context};
///
/// # fn main() -> Result<(), domicile::Error> {
/// let es = Home::new("es")?;
/// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
/// let read = Operation::read("orders").on(es.clone());
/// assert_eq!(routers.route(&read)?.role(), Role::Primary);
///
/// context::with(ReplicaReads::new(), || {
///     assert_eq!(routers.route(&read)?.role(), Role::Replica);
///     ReplicaReads::wrote_to(&es);
///     assert_eq!(routers.route(&read)?.role(), Role::Primary);
///     Ok(())
/// })
/// # }
/// ```
#[derive(Default)]
pub struct ReplicaReads {
    // Held for a push or a search in a handful of names, and never while anything else runs.
    written: Mutex<Vec<Home>>,
}

impl ReplicaReads {
    /// Makes the value for a scope that has written nothing yet.
    ///
    /// ```
    /// use domicile::{ReplicaReads, context};
    ///
    /// assert!(context::with(ReplicaReads::new(), || context::get::<ReplicaReads>().is_some()));
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that this scope has written to a home, if the context holds a [`ReplicaReads`].
    ///
    /// Adapters call it. Call it yourself where a write is known that no adapter has seen, such as one of the request
    /// before.
    ///
    /// ```
    /// use domicile::{Home, ReplicaReads, context};
    ///
    /// let es = Home::new("es").unwrap();
    /// ReplicaReads::wrote_to(&es);
    /// context::with(ReplicaReads::new(), || {
    ///     assert!(context::read::<ReplicaReads, _>(|reads| reads.unwrap().allows(&es)));
    ///     ReplicaReads::wrote_to(&es);
    ///     assert!(!context::read::<ReplicaReads, _>(|reads| reads.unwrap().allows(&es)));
    /// });
    /// ```
    pub fn wrote_to(home: &Home) {
        context::read::<Self, _>(|reads| {
            let Some(reads) = reads else { return };
            let mut written = reads.written.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if !written.contains(home) {
                written.push(home.clone());
            }
        });
    }

    /// Returns whether a replica of the home may answer: nothing was written to it in this scope.
    ///
    /// ```
    /// use domicile::{Home, ReplicaReads};
    ///
    /// assert!(ReplicaReads::new().allows(&Home::new("es").unwrap()));
    /// ```
    pub fn allows(&self, home: &Home) -> bool {
        !self.written.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).contains(home)
    }

    /// The databases of `home` that may answer a read where this is what is in the context.
    #[inline]
    pub(crate) fn role(found: Option<Found<'_, Self>>, home: &Home) -> Role {
        let may_lag = found.is_some_and(|reads| reads.value.allows(home));
        if may_lag { Role::Replica } else { Role::Primary }
    }
}

impl Debug for ReplicaReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.written.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let written: Vec<_> = written.iter().map(Home::as_str).collect();
        if written.is_empty() {
            f.write_str("ReplicaReads")
        } else {
            write!(f, "ReplicaReads (not of {}, which this scope has written to)", written.join(", "))
        }
    }
}

//! Deciding the home of an operation.

mod chain;
mod dry_run;
mod operation;
mod placement;
mod record;

pub use chain::Chain;
pub use dry_run::DryRun;
pub use operation::{Access, Operation};
pub use placement::PlacementRouter;
pub use record::Record;

use crate::{Error, Home, Placed, Route, RoutingKey};

/// Decides the home of an operation from the context, the record (if there is one) and the table.
///
/// # Contract
///
/// An implementor
///
/// - MUST be pure and synchronous: no IO, no locks that are held for long, and the same answer for the same operation
///   and context.
/// - MUST return `Ok(None)` where it has no opinion, so that the next router is asked. It MUST NOT answer with a home
///   because it knows no better: nothing in this crate means "the default", and a router must not bring one.
/// - MUST return an error where it ought to know and does not, such as a key that it has never heard of. Use
///   [`Error::refused`].
/// - MUST NOT set values in the context.
/// - SHOULD have no opinion where the operation [names its home](Operation::named_home) and nothing but the context speaks
///   against it: an explicit `on(home)` overrides the context. A [`Chain`] sends it there.
/// - SHOULD use the record when there is one: it is there for new records, too.
/// - SHOULD answer reads and writes of the same record alike, unless it knows a home that is for reading only.
/// - SHOULD give a reason that names where the decision came from; it is read by people after something went wrong.
///
/// A [`Chain`] checks an answer against the homes that the operation is known to belong to, and against those where any
/// of its routers has placed the keys of the record and of the statement, and refuses a route that contradicts them. The
/// key and the home in the context are not held against it: what they mean for a table is for the router to say.
///
/// ```
/// use domicile::{Chain, Error, Home, Operation, Route, Router};
///
/// /// Keeps the audit log in one home; other tables are none of its business.
/// struct Audits(Home);
///
/// impl Router for Audits {
///     fn name(&self) -> &str {
///         "audits"
///     }
///
///     fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
///         let is_mine = operation.table() == "audit_log";
///         Ok(is_mine.then(|| Route::new(self.0.clone(), "audits are kept in Spain")))
///     }
///
///     fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
///         self.route_read(operation)
///     }
/// }
///
/// let routers = Chain::new(Audits(Home::new("es")?));
/// let route = routers.route(&Operation::write("audit_log"))?;
/// assert_eq!(route.to_string(), "es, because audits are kept in Spain");
/// assert!(routers.route(&Operation::write("orders")).unwrap_err().is_no_opinion());
/// # Ok::<(), Error>(())
/// ```
pub trait Router: Send + Sync {
    /// Returns the name that messages use for this router.
    fn name(&self) -> &str;

    /// Decides the home to read from, or has no opinion.
    ///
    /// # Errors
    ///
    /// Where the operation must not be routed at all. No other router is asked then.
    fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error>;

    /// Decides the home to write to, or has no opinion.
    ///
    /// # Errors
    ///
    /// Where the operation must not be routed at all. No other router is asked then.
    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error>;

    // Decides by one of the two above, and puts the route where the caller keeps it. A route is some 100 bytes that were just
    // stored in small pieces; a processor that moves it in large ones waits for all of them, for longer than it takes to make.
    #[doc(hidden)]
    fn decide(&self, operation: &Operation<'_>, opinion: &mut Option<Route>) -> Result<(), Error> {
        *opinion = match operation.access() {
            Access::Read => self.route_read(operation)?,
            Access::Write => self.route_write(operation)?,
        };
        Ok(())
    }

    /// Returns where a key lives by this router, or has no opinion.
    ///
    /// A [`Chain`] asks it when another router has decided: a record whose key is placed in one home is not sent to
    /// another, whichever router says so.
    fn placed(&self, _key: &RoutingKey) -> Option<Placed> {
        None
    }

    /// Returns the homes that this router may answer with, as far as it can list them. What goes to every home goes to
    /// these, so that a home without a database is told and not left out.
    fn homes(&self) -> Vec<Home> {
        Vec::new()
    }

    /// Says whether two records may refer to each other, or has no opinion.
    fn allow_relation(&self, _one: &dyn Record, _other: &dyn Record) -> Option<bool> {
        None
    }

    /// Says whether a table belongs into a home, or has no opinion.
    fn allow_migrate(&self, _home: &Home, _table: &str) -> Option<bool> {
        None
    }
}

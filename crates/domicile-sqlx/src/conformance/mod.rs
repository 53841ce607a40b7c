//! Proving that a program's own routers, handles and services send everything home.
//!
//! Everything here is for tests, on databases that may be written to. Three tools, from the smallest:
//!
//! - [`watch`] runs anything and says which homes were contacted meanwhile, so that a test can say who was *not*.
//! - [`interleaved`] runs futures in turns, in an order that a seed decides, so that what is shared by mistake shows.
//! - [`check`] plants a row in each home that names it, and reads it and writes others in every way that goes wrong in
//!   practice. Routers that guess, remember or overrule are caught, also where they do so for writes alone.
//!
//! ```
//! use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey};
//! use domicile_sqlx::{Homes, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (es, fr) = (Home::new("es")?, Home::new("fr")?);
//! let placement = Placement::builder()
//!     .place(RoutingKey::new("ES"), es.clone(), "main.rs:10")
//!     .place(RoutingKey::new("FR"), fr.clone(), "main.rs:11")
//!     .build()?;
//! let homes = Homes::<sqlx::Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
//!     .home(es.clone(), "sqlite::memory:")
//!     .home(fr.clone(), "sqlite::memory:")
//!     .build()?;
//! let cases = [(RoutingKey::new("ES"), es), (RoutingKey::new("FR"), fr)];
//! let checked = conformance::check(&homes, &cases, 7).await?;
//! assert!(checked.operations > 10);
//! # Ok(())
//! # }
//! ```

mod checks;
mod planted;
mod turns;
mod watch;

use domicile::{Home, RoutingKey};

use crate::{Error, Homes};

pub use planted::Checkable;
pub use turns::interleaved;
pub use watch::watch;

/// What [`check`] has done.
///
/// ```
/// use domicile::{Home, RoutingKey};
/// use domicile_sqlx::conformance;
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// let cases = [(RoutingKey::new("ES"), Home::new("es")?), (RoutingKey::new("FR"), Home::new("fr")?)];
/// let checked = conformance::check(&homes, &cases, 7).await?;
/// // A check that did nothing would have found nothing.
/// assert!(checked.operations > 10);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// How many operations were sent or refused as they had to be.
    pub operations: usize,
}

/// What is wrong, in words for people.
///
/// ```
/// use domicile::{Home, RoutingKey};
/// use domicile_sqlx::conformance;
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// // The routers send Portugal's records to Spain, which is not what was wanted.
/// let cases = [(RoutingKey::new("ES"), Home::new("es")?), (RoutingKey::new("PT"), Home::new("fr")?)];
/// let violation = conformance::check(&homes, &cases, 7).await.unwrap_err();
/// assert_eq!(violation.to_string(), "a read in the scope of the key PT belongs to fr, and reached es");
/// # Ok(()) }
/// ```
#[derive(thiserror::Error, Debug)]
#[error("{0}")]
pub struct Violation(String);

impl From<Error> for Violation {
    fn from(error: Error) -> Self {
        Self(format!("a home could not be prepared or asked: {error}"))
    }
}

/// Plants a row in each of the homes, and checks that each operation reaches the home of its key, and no other. Each of
/// these is done by a read of that row and by a write of a new one, which is looked for afterwards in every home by a
/// connection of its own, so that routers are not what tells where it is:
///
/// - an operation in the scope of a key, which must contact the primary of that key's home alone;
/// - one without any context, with a key that nobody has placed, and in a spawned task that the context was not carried
///   to, which must all be refused with no home contacted;
/// - one for a record that was loaded from another home than the context says, or has a key of another home, which must be
///   refused;
/// - all keys at the same time, in turns, in an order that `seed` decides, which must not disturb each other;
/// - a transaction, which must contact the primary alone, and in which an operation for another home must be refused.
///
/// `cases` are keys and the homes that they belong to: at least two homes. In each of them the tables `domicile_planted`
/// and `domicile_written` are made, and they stay there.
///
/// # Errors
///
/// The first [`Violation`], which names the operation, its home, and what came instead.
///
/// # Panics
///
/// Outside a runtime of tokio, because it spawns a task.
///
/// ```
/// use domicile::{Home, Operation, Route, Router, RoutingKey};
/// use domicile_sqlx::{Homes, conformance};
///
/// /// Guesses that what nobody knows is Spanish.
/// struct Guesses;
///
/// impl Router for Guesses {
///     fn name(&self) -> &str {
///         "guesses"
///     }
///
///     fn route_read(&self, _: &Operation<'_>) -> Result<Option<Route>, domicile::Error> {
///         Ok(Some(Route::new(Home::new("es")?, "most are")))
///     }
///
///     fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, domicile::Error> {
///         self.route_read(operation)
///     }
/// }
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown {
/// let homes = Homes::<sqlx::Sqlite>::builder(routers().then(Guesses))
///     .home(Home::new("es")?, "sqlite::memory:")
///     .home(Home::new("fr")?, "sqlite::memory:")
///     .build()?;
/// let cases = [(RoutingKey::new("ES"), Home::new("es")?), (RoutingKey::new("FR"), Home::new("fr")?)];
/// let violation = conformance::check(&homes, &cases, 7).await.unwrap_err();
/// assert_eq!(violation.to_string(), "a read without any context must be refused, and reached es");
/// # Ok(()) }
/// ```
pub async fn check<DB: Checkable>(
    homes: &Homes<DB>,
    cases: &[(RoutingKey, Home)],
    seed: u64,
) -> Result<Checked, Violation> {
    let check = checks::Check::planted(homes, cases, seed).await?;
    let mut operations = 0;
    // What is plain is told first.
    for (key, home) in cases {
        operations += check.alone(key, home).await?;
    }
    for (key, home) in cases {
        operations += check.foreign(key, home).await?;
    }
    operations += check.refused(&cases[0].0).await?;
    operations += check.in_turns().await?;
    operations += check.in_a_transaction().await?;
    Ok(Checked { operations })
}

//! The error of this crate.

use std::sync::Arc;
use std::time::Duration;

use domicile::Home;

/// Why a statement was not sent, or a home not opened.
///
/// An executor of sqlx can only fail with [`sqlx::Error`], which then holds this as its source: [`Error::of`] finds it.
/// No value of a statement and no password is in the message.
///
/// ```
/// use domicile::{RoutingKey, context};
/// use domicile_sqlx::Error;
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// let insert = sqlx::query("INSERT INTO orders (country) VALUES (?)").bind("Atlantis").execute(&homes);
/// let error = context::scope(RoutingKey::new("Atlantis"), insert).await.unwrap_err();
/// let what_to_do = match Error::of(&error) {
///     Some(Error::Routing(error)) if error.is_unknown_key() => "put the record aside until its key is placed",
///     Some(error) if error.is_refusal() => "correct the program or its configuration",
///     _ => "try it again later",
/// };
/// assert_eq!(what_to_do, "put the record aside until its key is placed");
/// # Ok(()) }
/// ```
#[derive(thiserror::Error, Debug)]
#[non_exhaustive]
pub enum Error {
    /// Routing refused it: see the predicates of [`domicile::Error`].
    #[error(transparent)]
    Routing(#[from] domicile::Error),
    /// The statement must not be sent.
    #[error("the statement was refused: {0}")]
    Statement(String),
    /// A home that the router named has no database here.
    #[error("home {home} has no database: add one with `Homes::builder(..).home(..)` or `Homes::add`")]
    NoDatabase {
        /// The home.
        home: Home,
    },
    /// The URL of a home cannot be used.
    #[error("the URL of home {home} cannot be used: {why}")]
    Url {
        /// The home.
        home: Home,
        /// Why, without the URL.
        why: String,
    },
    /// A home was described twice.
    #[error("home {home} was added twice: a home has one database")]
    AddedTwice {
        /// The home.
        home: Home,
    },
    /// A table was given two key columns.
    #[error("{first} and {second} are key columns of one table: a table has one, and is meant in every schema")]
    KeyColumnTwice {
        /// The one that was given first.
        first: String,
        /// The other.
        second: String,
    },
    /// Two homes are one database.
    #[error(
        "homes {one} and {other} are one database ({database}), so that their records would be mixed: give each its own"
    )]
    SameDatabase {
        /// One home.
        one: Home,
        /// The other.
        other: Home,
        /// What they share, without a password.
        database: String,
    },
    /// The database says that it is another home's.
    #[error("the database of home {home} says that it is the home {marked}: its URL leads to the wrong database")]
    WrongHome {
        /// The home that was to be opened.
        home: Home,
        /// The home that the database's marker names.
        marked: String,
    },
    /// A home must carry a marker, and carries none.
    #[error(
        "the database of home {home} carries no marker: check that it is the right one, and mark it by `Homes::mark`"
    )]
    Unmarked {
        /// The home.
        home: Home,
    },
    /// All connections that are allowed are in use, and none was given back in time.
    #[error("no connection to home {home} became free within {waited:?}: {used}")]
    Exhausted {
        /// The home.
        home: Home,
        /// How long it was waited.
        waited: Duration,
        /// What is used up.
        used: String,
    },
    /// A home could not be connected to.
    ///
    /// The message says why, and so [`source`](std::error::Error::source) does not say it again.
    #[error("home {home} cannot be connected to: {why}")]
    Connect {
        /// The home.
        home: Home,
        /// Why. All that waited for the same attempt have the same.
        why: Arc<sqlx::Error>,
    },
    /// The database refused or failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Error {
    /// Finds what this crate has to say in an error of sqlx, or `None` for an error of the driver or the database.
    ///
    /// ```
    /// use domicile_sqlx::Error;
    ///
    /// let error = sqlx::Error::from(Error::from(domicile::Error::refused("audits are read-only")));
    /// assert!(matches!(Error::of(&error), Some(Error::Routing(error)) if error.is_refused()));
    /// assert!(Error::of(&sqlx::Error::RowNotFound).is_none());
    /// ```
    pub fn of(error: &sqlx::Error) -> Option<&Self> {
        match error {
            sqlx::Error::Configuration(source) => source.downcast_ref(),
            _ => None,
        }
    }

    /// Makes it of an error of sqlx, which may hold one of these.
    pub(crate) fn from_sqlx(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Configuration(source) => match source.downcast::<Self>() {
                Ok(refusal) => *refusal,
                Err(source) => Self::Database(sqlx::Error::Configuration(source)),
            },
            error => Self::Database(error),
        }
    }

    /// Returns whether the operation itself is to blame: it belongs nowhere, elsewhere, or into a database that is not the
    /// right one, and will be refused again. Otherwise its home is to blame, which is down or busy, and may do it later.
    ///
    /// ```
    /// use domicile_sqlx::Error;
    ///
    /// assert!(Error::from(domicile::Error::refused("audits are read-only")).is_refusal());
    /// assert!(!Error::from(sqlx::Error::PoolTimedOut).is_refusal());
    /// ```
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Exhausted { .. } | Self::Connect { .. } | Self::Database(_))
    }

    /// Returns routing's own refusal, if that is what this is.
    ///
    /// ```
    /// use domicile_sqlx::Error;
    ///
    /// let error = Error::from(domicile::Error::refused("audits are read-only"));
    /// assert!(error.routing().unwrap().is_refused());
    /// ```
    pub fn routing(&self) -> Option<&domicile::Error> {
        match self {
            Self::Routing(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for sqlx::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error,
            refusal => Self::Configuration(Box::new(refusal)),
        }
    }
}

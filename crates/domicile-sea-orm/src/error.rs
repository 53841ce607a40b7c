//! Refusals as errors of SeaORM.

use domicile_sqlx::Error;
use sea_orm::DbErr;

/// Finds the refusal that an error of SeaORM holds, or `None` where the database has failed, is down or is busy: what
/// is refused is refused again, and all else may be tried later. See [`Error::is_refusal`].
///
/// ```
/// use domicile_sea_orm::refusal;
/// use sea_orm::EntityTrait;
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// let error = order::Entity::find().all(&homes).await.unwrap_err();
/// assert!(refusal(&error).unwrap().routing().unwrap().is_no_opinion());
/// # Ok(()) }
/// ```
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub fn refusal(error: &DbErr) -> Option<&Error> {
    match error {
        DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error)) => Error::of(error).filter(|error| error.is_refusal()),
        _ => None,
    }
}

/// What SeaORM is told of an error.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) fn told(error: Error) -> DbErr {
    DbErr::Conn(sea_orm::RuntimeErr::SqlxError(std::sync::Arc::new(error.into())))
}

/// Without a database there is nothing that could fail, and SeaORM knows no errors of sqlx.
#[cfg(not(any(feature = "mysql", feature = "postgres", feature = "sqlite")))]
pub(crate) fn told(error: Error) -> DbErr {
    DbErr::Custom(error.to_string())
}

/// What work on a connection fails with: it, or the connection.
pub(crate) struct Failed(pub(crate) DbErr);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(told(error))
    }
}

impl From<DbErr> for Failed {
    fn from(error: DbErr) -> Self {
        Self(error)
    }
}

//! Refusals as errors of SeaORM.

use std::sync::Arc;

use domicile_sqlx::Error;
use sea_orm::{DbErr, RuntimeErr};

/// Finds the refusal that an error of SeaORM holds, or `None` where the database itself has failed.
///
/// ```
/// use domicile::{Chain, Placement, PlacementRouter};
/// use domicile_sea_orm::{Homes, refusal};
/// use sea_orm::ConnectionTrait;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let routers = Chain::new(PlacementRouter::new(Placement::builder().build()?));
/// let homes = Homes::from(domicile_sqlx::Homes::<sqlx::Sqlite>::builder(routers).build()?);
/// let error = homes.execute_unprepared("DELETE FROM orders").await.unwrap_err();
/// assert!(refusal(&error).unwrap().routing().unwrap().is_no_opinion());
/// # Ok(())
/// # }
/// ```
pub fn refusal(error: &DbErr) -> Option<&Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error)) => Error::of(error),
        _ => None,
    }
}

/// What SeaORM is told of an error.
pub(crate) fn told(error: Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error.into())))
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

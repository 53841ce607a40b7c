//! Asking all homes, which is never done by accident.

use domicile::{Aggregate, EachHome, Home};
use sea_orm::{
    DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryTrait, Select, SelectGetableTuple, Selector,
    TryGetableMany,
};
use std::fmt::{self, Debug};

use crate::backend::Backend;
use crate::homes::Homes;

/// Asks several homes; made by [`Homes::everywhere`] and [`Homes::among`].
///
/// Homes are asked at the same time, a bounded number of them; each answers for itself, in an [`EachHome`].
///
/// ```
/// # use domicile::{Chain, Home, Placement, PlacementRouter};
/// # use domicile_sea_orm::Homes;
/// use sea_orm::ConnectionTrait;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (es, fr) = (Home::new("es")?, Home::new("fr")?);
/// # let placement = Placement::builder().home(es.clone()).home(fr.clone()).build()?;
/// # let homes = domicile_sqlx::Homes::<sqlx::Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
/// #     .home(es.clone(), "sqlite::memory:")
/// #     .home(fr.clone(), "sqlite::memory:")
/// #     .build()?;
/// # let homes = Homes::from(homes);
/// let create = homes.everywhere().ask(async |home| home.execute_unprepared("CREATE TABLE orders (id INTEGER)").await);
/// assert_eq!(create.await.all()?.len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct Everywhere<DB: Backend> {
    homes: Homes<DB>,
    among: Vec<Home>,
}

impl<DB: Backend> Homes<DB> {
    /// Returns what asks all homes that have a database here.
    pub fn everywhere(&self) -> Everywhere<DB> {
        self.among(self.homes.names())
    }

    /// Returns what asks these homes.
    pub fn among(&self, homes: impl IntoIterator<Item = Home>) -> Everywhere<DB> {
        Everywhere { homes: self.clone(), among: homes.into_iter().collect() }
    }
}

impl<DB: Backend> Everywhere<DB> {
    /// Asks each home by a function that is given a handle to that home alone. What becomes of the answers is for the
    /// caller: they are taken home by home.
    #[track_caller]
    pub fn ask<T, F, A>(&self, ask: A) -> impl Future<Output = EachHome<T, DbErr>> + use<T, F, A, DB>
    where
        F: Future<Output = Result<T, DbErr>>,
        A: Fn(Homes<DB>) -> F,
    {
        self.homes.homes.ask(self.among.clone(), move |home| ask(home.into()))
    }

    /// Fetches the models of each home.
    #[track_caller]
    pub fn all<E: EntityTrait>(
        &self,
        select: Select<E>,
    ) -> impl Future<Output = EachHome<Vec<E::Model>, DbErr>> + use<E, DB>
    where
        E::Model: FromQueryResult,
    {
        let aggregate = self.aggregate(&select);
        let asked = self.ask(move |home| {
            let select = select.clone();
            async move { select.all(&home).await }
        });
        async move { asked.await.made_by(aggregate) }
    }

    /// Counts the models of each home.
    #[track_caller]
    pub fn count<E>(&self, select: Select<E>) -> impl Future<Output = EachHome<i64, DbErr>> + use<E, DB>
    where
        E: EntityTrait,
        E::Model: FromQueryResult + Send + Sync,
    {
        let asked = self.ask(move |home| {
            let select = select.clone();
            async move {
                let count = select.count(&home).await?;
                i64::try_from(count).map_err(|_| DbErr::Type(format!("{count} is more than an i64 holds")))
            }
        });
        async move { asked.await.made_by(Aggregate::Count) }
    }

    /// Fetches the one value of the one row of each home, as that of `select_only().column_as(..)` with an aggregate. A
    /// value that may be NULL, as every aggregate but a count, is an `Option`.
    #[track_caller]
    pub fn scalar<E, T>(&self, select: Select<E>) -> impl Future<Output = EachHome<T, DbErr>> + use<E, T, DB>
    where
        E: EntityTrait,
        (T,): TryGetableMany,
    {
        let aggregate = self.aggregate(&select);
        let asked = self.ask(move |home| {
            let selector: Selector<SelectGetableTuple<(T,)>> = select.clone().into_tuple();
            async move {
                let row = selector.one(&home).await?;
                row.map(|(value,)| value).ok_or_else(|| DbErr::RecordNotFound("an aggregate has one row".into()))
            }
        });
        async move { asked.await.made_by(aggregate) }
    }

    fn aggregate<E: EntityTrait>(&self, select: &Select<E>) -> Aggregate {
        self.homes.homes.aggregate_of(&select.build(DB::BACKEND).sql)
    }
}

impl<DB: Backend> Debug for Everywhere<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.among.iter().map(Home::as_str).collect();
        write!(f, "Everywhere({})", names.join(", "))
    }
}

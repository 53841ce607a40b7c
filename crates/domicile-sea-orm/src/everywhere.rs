//! Asking all homes, which is never done by accident.

use domicile::{Aggregate, EachHome, Home};
use sea_orm::{
    DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryTrait, Select, SelectGetableTuple, Selector,
    TryGetableMany,
};
use std::collections::BTreeSet;
use std::fmt::{self, Debug};

use crate::backend::Backend;
use crate::homes::Homes;

/// Asks several homes; made by [`Homes::everywhere`] and [`Homes::among`].
///
/// Homes are asked at the same time, a bounded number of them; each answers for itself, in an [`EachHome`]. There is no
/// transaction around all of them: what fails in one home may be done in the others, and the result says in which.
///
/// ```
/// use sea_orm::{ColumnTrait, EntityTrait, QuerySelect};
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// let everywhere = homes.everywhere();
/// assert_eq!(everywhere.count(order::Entity::find()).await.count()?, 3);
///
/// // An average of averages is not the average.
/// let average = order::Entity::find().select_only().column_as(order::Column::Amount.avg(), "average");
/// assert!(everywhere.scalar::<_, Option<f64>>(average).await.max().is_err());
/// # Ok(()) }
/// ```
pub struct Everywhere<DB: Backend> {
    homes: Homes<DB>,
    among: Vec<Home>,
}

impl<DB: Backend> Homes<DB> {
    /// Returns what asks all homes that are [reachable](domicile_sqlx::Homes::reachable) here and now; of a handle that
    /// was fixed to a home, that home alone. Like [`on`](Self::on), it overrides the context, but neither what a
    /// statement says itself nor a scope that is confined to one home.
    ///
    /// ```
    /// use domicile::Home;
    /// use sea_orm::EntityTrait;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// assert_eq!(homes.everywhere().count(order::Entity::find()).await.count()?, 3);
    ///
    /// let spanish = homes.on(Home::new("es")?);
    /// assert_eq!(spanish.everywhere().count(order::Entity::find()).await.count()?, 2);
    /// # Ok(()) }
    /// ```
    pub fn everywhere(&self) -> Everywhere<DB> {
        self.among(self.homes.reachable())
    }

    /// Returns what asks these homes, and otherwise is as [`everywhere`](Self::everywhere). A home that is named twice
    /// is asked once, and one that has no database here answers with an error.
    ///
    /// ```
    /// use domicile::Home;
    /// use sea_orm::EntityTrait;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let iberia = homes.among([Home::new("es")?, Home::new("es")?]);
    /// assert_eq!(iberia.count(order::Entity::find()).await.count()?, 2);
    /// # Ok(()) }
    /// ```
    pub fn among(&self, homes: impl IntoIterator<Item = Home>) -> Everywhere<DB> {
        Everywhere { homes: self.clone(), among: BTreeSet::from_iter(homes).into_iter().collect() }
    }
}

impl<DB: Backend> Everywhere<DB> {
    /// Asks each home by a function that is given a handle to that home alone. What becomes of the answers is for the
    /// caller: they are taken home by home.
    ///
    /// # Errors
    ///
    /// In the result of each home: what the function fails with.
    ///
    /// ```
    /// use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, TransactionTrait};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let left = homes.everywhere().ask(async |home| {
    ///     let transaction = home.begin().await?;
    ///     order::Entity::delete_many().filter(order::Column::Amount.lt(4)).exec(&transaction).await?;
    ///     let left = order::Entity::find().count(&transaction).await?;
    ///     transaction.commit().await?;
    ///     Ok(left)
    /// });
    /// let left: Vec<_> = left.await.all()?.into_iter().map(|left| (left.home().to_string(), *left)).collect();
    /// assert_eq!(left, [("es".into(), 1), ("fr".into(), 1)]);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn ask<T, F, A>(&self, ask: A) -> impl Future<Output = EachHome<T, DbErr>> + use<T, F, A, DB>
    where
        F: Future<Output = Result<T, DbErr>>,
        A: Fn(Homes<DB>) -> F,
    {
        self.homes.homes.ask(self.among.clone(), move |home| ask(home.into()))
    }

    /// Fetches the models of each home. All of them are kept in memory: bound them in the query, where there may be
    /// many.
    ///
    /// # Errors
    ///
    /// In the result of each home: what routing refuses there, and what a connection and the database fail with.
    ///
    /// ```
    /// use sea_orm::{EntityTrait, QueryOrder, QuerySelect};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let largest = order::Entity::find().order_by_desc(order::Column::Amount).limit(2);
    /// let largest = homes.everywhere().all(largest).await.top(2, |one, other| other.amount.cmp(&one.amount))?;
    /// let told: Vec<_> = largest.iter().map(|order| (order.home().as_str(), order.amount)).collect();
    /// assert_eq!(told, [("es", 5), ("fr", 4)]);
    /// # Ok(()) }
    /// ```
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

    /// Counts the models of each home. Counts of what a home has made of several rows, by `distinct`, `group_by`, `limit`
    /// or `offset`, are those of each home alone: taking them together is refused.
    ///
    /// # Errors
    ///
    /// As for [`all`](Self::all).
    ///
    /// ```
    /// use domicile::Home;
    /// use sea_orm::{ConnectionTrait, EntityTrait};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// assert_eq!(homes.everywhere().count(order::Entity::find()).await.count()?, 3);
    ///
    /// // A home that fails is no number that is too small.
    /// homes.on(Home::new("fr")?).execute_unprepared("DROP TABLE orders").await?;
    /// let failed = homes.everywhere().count(order::Entity::find()).await.count().unwrap_err();
    /// assert_eq!(failed.home().unwrap().as_str(), "fr");
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn count<E>(&self, select: Select<E>) -> impl Future<Output = EachHome<i64, DbErr>> + use<E, DB>
    where
        E: EntityTrait,
        E::Model: FromQueryResult + Send + Sync,
    {
        let counted = format!("SELECT count(*) FROM ({}) AS counted", select.build(DB::BACKEND).sql);
        let aggregate = self.homes.homes.aggregate_of(&counted);
        let asked = self.ask(move |home| {
            let select = select.clone();
            async move {
                let count = select.count(&home).await?;
                i64::try_from(count).map_err(|_| DbErr::Type(format!("{count} is more than an i64 holds")))
            }
        });
        async move { asked.await.made_by(aggregate) }
    }

    /// Fetches the one value of the one row of each home, as that of `select_only().column_as(..)` with an aggregate. A
    /// value that may be NULL, as every aggregate but a count, is an `Option`.
    ///
    /// # Errors
    ///
    /// As for [`all`](Self::all), and [`DbErr::RecordNotFound`] where there is no row.
    ///
    /// ```
    /// use sea_orm::{ColumnTrait, EntityTrait, QuerySelect};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let sum = order::Entity::find().select_only().column_as(order::Column::Amount.sum(), "sum");
    /// let sum = homes.everywhere().scalar::<_, Option<i64>>(sum).await.sum(i64::checked_add)?;
    /// assert_eq!(sum, Some(12));
    /// # Ok(()) }
    /// ```
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

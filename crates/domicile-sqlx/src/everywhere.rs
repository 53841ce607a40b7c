//! Asking all homes, which is never done by accident.

use std::fmt::{self, Debug};

use domicile::{Aggregate, EachHome, Home, Origin};
use futures::TryStreamExt;
use sqlx::{Executor, FromRow, IntoArguments, Type};

use crate::Error;
use crate::capability::Capability;
use crate::facts::Facts;
use crate::homes::Homes;

/// Sends a statement to several homes; made by [`Homes::everywhere`] and [`Homes::among`].
///
/// A query of sqlx is used up by being sent, so that a query is made for each home, by a function. Homes are asked at the
/// same time, a bounded number of them; each answers for itself, in an [`EachHome`].
///
/// ```
/// # use domicile::{Chain, Home, Placement, PlacementRouter};
/// # use domicile_sqlx::Homes;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (es, fr) = (Home::new("es")?, Home::new("fr")?);
/// # let placement = Placement::builder().home(es.clone()).home(fr.clone()).build()?;
/// # let homes = Homes::<sqlx::Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
/// #     .home(es.clone(), "sqlite::memory:")
/// #     .home(fr.clone(), "sqlite::memory:")
/// #     .build()?;
/// let everywhere = homes.everywhere();
/// everywhere.execute(|| sqlx::query("CREATE TABLE orders (amount INTEGER)")).await.all()?;
/// everywhere.execute(|| sqlx::query("INSERT INTO orders VALUES (?), (?)").bind(3).bind(5)).await.all()?;
///
/// let sum = everywhere.fetch_scalar::<Option<i64>, _>(|| sqlx::query("SELECT sum(amount) FROM orders")).await;
/// assert_eq!(sum.sum(i64::checked_add)?, Some(16));
///
/// // An average of averages is not the average.
/// let average = everywhere.fetch_scalar::<Option<f64>, _>(|| sqlx::query("SELECT avg(amount) FROM orders")).await;
/// assert!(average.max().is_err());
/// # Ok(())
/// # }
/// ```
pub struct Everywhere<DB: Capability> {
    homes: Homes<DB>,
    among: Vec<Home>,
    origin: Origin,
}

/// A query of sqlx, as its function `query` makes it.
type Query<'q, DB, A> = sqlx::query::Query<'q, DB, A>;

impl<DB: Capability> Homes<DB> {
    /// Returns what sends statements to all homes that have a database here.
    #[track_caller]
    pub fn everywhere(&self) -> Everywhere<DB> {
        self.among(self.names())
    }

    /// Returns what sends statements to these homes.
    #[track_caller]
    pub fn among(&self, homes: impl IntoIterator<Item = Home>) -> Everywhere<DB> {
        Everywhere { homes: self.clone(), among: homes.into_iter().collect(), origin: Origin::caller() }
    }
}

impl<DB: Capability> Everywhere<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Executes a statement in each home; each answers with what it has changed.
    pub async fn execute<'q, A>(&self, query: impl Fn() -> Query<'q, DB, A>) -> EachHome<DB::QueryResult, Error>
    where
        A: 'q + IntoArguments<DB> + Send,
    {
        self.each(&query, |query, homes| async move { query.execute(&homes).await }).await
    }

    /// Fetches the rows of each home.
    pub async fn fetch_all<'q, A>(&self, query: impl Fn() -> Query<'q, DB, A>) -> EachHome<Vec<DB::Row>, Error>
    where
        A: 'q + IntoArguments<DB> + Send,
    {
        self.each(&query, |query, homes| async move { query.fetch(&homes).try_collect().await }).await
    }

    /// Fetches the rows of each home as a type.
    pub async fn fetch_all_as<'q, T, A>(&self, query: impl Fn() -> Query<'q, DB, A>) -> EachHome<Vec<T>, Error>
    where
        A: 'q + IntoArguments<DB> + Send,
        T: for<'r> FromRow<'r, DB::Row> + Send + Unpin,
    {
        let fetch = |query: Query<'q, DB, A>, homes: Homes<DB>| async move {
            let rows: Vec<DB::Row> = query.fetch(&homes).try_collect().await?;
            rows.iter().map(T::from_row).collect()
        };
        self.each(&query, fetch).await
    }

    /// Fetches the one value of the one row of each home, as that of an aggregate.
    pub async fn fetch_scalar<'q, T, A>(&self, query: impl Fn() -> Query<'q, DB, A>) -> EachHome<T, Error>
    where
        A: 'q + IntoArguments<DB> + Send,
        T: for<'r> sqlx::Decode<'r, DB> + Type<DB> + Send + Unpin,
        (T,): for<'r> FromRow<'r, DB::Row>,
    {
        let fetch = |query: Query<'q, DB, A>, homes: Homes<DB>| async move {
            let row = query.fetch_one(&homes).await?;
            <(T,)>::from_row(&row).map(|(value,)| value)
        };
        self.each(&query, fetch).await
    }

    async fn each<'q, A, T, F>(
        &self,
        query: &impl Fn() -> Query<'q, DB, A>,
        send: impl Fn(Query<'q, DB, A>, Homes<DB>) -> F,
    ) -> EachHome<T, Error>
    where
        A: 'q + IntoArguments<DB> + Send,
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let aggregate = match crate::connection::Taken::of(query()) {
            Ok(taken) => self.homes.aggregate_of(taken.sql.as_str()),
            Err(_) => Aggregate::Unknown,
        };
        let ask = |home: Home| {
            let facts = Facts { on: Some((home, self.origin.clone())), ..self.homes.facts.clone() };
            let sent = send(query(), self.homes.knowing(facts));
            async move { sent.await.map_err(Error::from_sqlx) }
        };
        self.homes.each(self.among.clone(), aggregate, ask).await
    }
}

impl<DB: Capability> Homes<DB> {
    /// Returns what the rows of a statement are, which says how those of several homes may become one.
    ///
    /// ```
    /// # use domicile::{Aggregate, Chain, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).build().unwrap();
    /// assert_eq!(homes.aggregate_of("SELECT count(*) FROM orders"), Aggregate::Count);
    /// ```
    pub fn aggregate_of(&self, sql: &str) -> Aggregate {
        self.shared.statements.analyse(sql).aggregate.clone()
    }
}

impl<DB: Capability> Debug for Everywhere<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.among.iter().map(Home::as_str).collect();
        write!(f, "Everywhere({})", names.join(", "))
    }
}

//! Asking all homes, which is never done by accident.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};

use domicile::{Aggregate, EachHome, Home, Origin};
use futures::TryStreamExt;
use sqlx::{Executor, FromRow, IntoArguments, Type};

use crate::Error;
use crate::capability::Capability;
use crate::homes::Homes;

/// Sends a statement to several homes; made by [`Homes::everywhere`] and [`Homes::among`].
///
/// A query of sqlx is used up by being sent, so that a query is made for each home, by a function. Homes are asked at
/// the same time, a bounded number of them; each answers for itself, in an [`EachHome`]. There is no transaction around
/// all of them: what fails in one home may be done in the others, and the result says in which.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
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
/// # Ok(()) }
/// ```
pub struct Everywhere<DB: Capability> {
    homes: Homes<DB>,
    among: Vec<Home>,
    origin: Origin,
}

/// A query of sqlx, as its function `query` makes it.
type Query<'q, DB, A> = sqlx::query::Query<'q, DB, A>;

impl<DB: Capability> Homes<DB> {
    /// Returns what sends statements to all homes that are [reachable](Self::reachable) here and now; of a handle that
    /// was fixed to a home, to that home alone. Like [`on`](Self::on), it overrides the context, but neither what a
    /// statement says itself nor a scope that is confined to one home.
    ///
    /// ```
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let count = || sqlx::query("SELECT count(*) FROM orders");
    /// assert_eq!(homes.everywhere().fetch_scalar::<i64, _>(count).await.count()?, 3);
    ///
    /// let spanish = homes.on(Home::new("es")?);
    /// assert_eq!(spanish.everywhere().fetch_scalar::<i64, _>(count).await.count()?, 2);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn everywhere(&self) -> Everywhere<DB> {
        self.among(self.reachable())
    }

    /// Returns what sends statements to these homes, and otherwise is as [`everywhere`](Self::everywhere). A home that
    /// is named twice is asked once, and one that has no database here answers with an error. So does each but its own of
    /// a handle that was fixed to a home. Among no homes nothing is sent, and what takes the results together fails, by
    /// [`domicile::Error::is_no_home`].
    ///
    /// ```
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let iberia = homes.among([Home::new("es")?, Home::new("es")?]);
    /// let counts = iberia.fetch_scalar::<i64, _>(|| sqlx::query("SELECT count(*) FROM orders")).await;
    /// assert_eq!(counts.count()?, 2);
    ///
    /// let nobody = homes.among([]).fetch_scalar::<i64, _>(|| sqlx::query("SELECT count(*) FROM orders")).await;
    /// assert!(nobody.count().unwrap_err().to_string().contains("no home was asked"));
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn among(&self, homes: impl IntoIterator<Item = Home>) -> Everywhere<DB> {
        Everywhere {
            homes: self.clone(),
            among: BTreeSet::from_iter(homes).into_iter().collect(),
            origin: Origin::caller(),
        }
    }

    /// Asks each of several homes, a bounded number at a time, by a function that is given a handle to that home alone:
    /// for what is more than one statement. [`everywhere`](Self::everywhere) is shorter where it is one. Of a handle that
    /// was fixed to a home, what is sent to another is refused.
    ///
    /// # Errors
    ///
    /// In the result of each home: what the function fails with.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let kept = homes.ask(homes.names(), async |home| {
    ///     let mut transaction = home.begin()?;
    ///     sqlx::query("DELETE FROM orders WHERE amount < 4").execute(&mut transaction).await?;
    ///     let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut transaction).await?;
    ///     transaction.commit().await?;
    ///     Ok::<_, sqlx::Error>(kept)
    /// });
    /// assert_eq!(kept.await.all()?.iter().map(|kept| **kept).collect::<Vec<_>>(), [1, 1]);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn ask<T, E, F, A>(
        &self,
        homes: Vec<Home>,
        ask: A,
    ) -> impl Future<Output = EachHome<T, E>> + use<T, E, F, A, DB>
    where
        F: Future<Output = Result<T, E>>,
        A: Fn(Self) -> F,
    {
        let (all, origin) = (self.clone(), Origin::caller());
        async move {
            let of = |home| all.knowing(all.facts.asking(home, origin.clone()));
            all.each(homes, Aggregate::Unknown, |home| ask(of(home))).await
        }
    }
}

impl<DB: Capability> Everywhere<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Executes a statement in each home; each answers with what it has changed.
    ///
    /// # Errors
    ///
    /// In the result of each home: what routing refuses there, and what a connection and the database fail with.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let delete = || sqlx::query("DELETE FROM orders WHERE amount > ?").bind(3);
    /// let deleted = homes.everywhere().execute(delete).await.all()?;
    /// let deleted: Vec<_> = deleted.iter().map(|done| (done.home().as_str(), done.rows_affected())).collect();
    /// assert_eq!(deleted, [("es", 1), ("fr", 1)]);
    /// # Ok(()) }
    /// ```
    pub async fn execute<'q, A>(&self, query: impl Fn() -> Query<'q, DB, A>) -> EachHome<DB::QueryResult, Error>
    where
        A: 'q + IntoArguments<DB> + Send,
    {
        self.each(&query, |query, homes| async move { query.execute(&homes).await }).await
    }

    /// Fetches the rows of each home. All of them are kept in memory: bound them in the statement, where there may be
    /// many.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Self::execute).
    ///
    /// ```
    /// use sqlx::Row;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let orders = homes.everywhere().fetch_all(|| sqlx::query("SELECT amount FROM orders")).await;
    /// for row in orders.rows()? {
    ///     println!("{} has an order of {}", row.home(), row.get::<i64, _>("amount"));
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn fetch_all<'q, A>(&self, query: impl Fn() -> Query<'q, DB, A>) -> EachHome<Vec<DB::Row>, Error>
    where
        A: 'q + IntoArguments<DB> + Send,
    {
        self.each(&query, |query, homes| async move { query.fetch(&homes).try_collect().await }).await
    }

    /// Fetches the rows of each home as a type. All of them are kept in memory: bound them in the statement, where
    /// there may be many.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Self::execute), and what the type cannot be made of.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let largest = || sqlx::query("SELECT country, amount FROM orders ORDER BY amount DESC LIMIT 2");
    /// let largest = homes.everywhere().fetch_all_as::<(String, i64), _>(largest).await;
    /// let largest = largest.top(2, |one, other| other.1.cmp(&one.1))?;
    /// let told: Vec<_> = largest.iter().map(|order| (order.home().as_str(), order.0.as_str(), order.1)).collect();
    /// assert_eq!(told, [("es", "PT", 5), ("fr", "FR", 4)]);
    /// # Ok(()) }
    /// ```
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

    /// Fetches the one value of the one row of each home, as that of an aggregate. A value that may be NULL, as every
    /// aggregate but a count, is an `Option`.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Self::execute), [`sqlx::Error::RowNotFound`] where there is no row, and what the type cannot
    /// be made of.
    ///
    /// ```
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let count = || sqlx::query("SELECT count(*) FROM orders");
    /// assert_eq!(homes.everywhere().fetch_scalar::<i64, _>(count).await.count()?, 3);
    ///
    /// // A home that fails is no number that is too small.
    /// sqlx::query("DROP TABLE orders").execute(&homes.on(Home::new("fr")?)).await?;
    /// let failed = homes.everywhere().fetch_scalar::<i64, _>(count).await.count().unwrap_err();
    /// assert_eq!(failed.home().unwrap().as_str(), "fr");
    /// # Ok(()) }
    /// ```
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
            let facts = self.homes.facts.asking(home, self.origin.clone());
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
    /// use domicile::Aggregate;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// assert_eq!(homes.aggregate_of("SELECT count(*) FROM orders"), Aggregate::Count);
    /// assert_eq!(homes.aggregate_of("SELECT avg(amount) FROM orders"), Aggregate::Other("avg".into()));
    /// # Ok(()) }
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

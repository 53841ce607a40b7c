//! The homes of a program, as a connection of SeaORM.

use std::fmt::{self, Debug};

use domicile::{Chain, Home, Record};
use domicile_sqlx::{Builder, Decided, Lease};
use sea_orm::{DatabaseConnection, DbErr, Statement};

use crate::backend::Backend;
use crate::error::told;
use crate::parameters::Bound;

/// The homes of a program, as one connection of SeaORM: a statement that is sent to it reaches the home that it belongs
/// to.
///
/// The home is decided when a statement is given to the connection, from the context that is in scope there. SeaORM's
/// methods are `async` functions, which do so when they are first polled, and a paginator does so for each page:
/// [`here`](Self::here) fixes the home at once for all of them. A stream keeps the home that it was opened with.
///
/// It is made of [`domicile_sqlx::Homes`], with which it shares all connections and settings.
///
/// ```
/// use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey, context};
/// use domicile_sea_orm::{Demand, Homes};
/// use sea_orm::entity::prelude::*;
/// use sea_orm::{ActiveValue::Set, Schema};
/// use sqlx::Sqlite;
///
/// mod order {
///     use sea_orm::entity::prelude::*;
///
///     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
///     #[sea_orm(table_name = "orders")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         pub country: String,
///     }
///
///     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
///     pub enum Relation {}
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
/// let placement = Placement::builder()
///     .place(RoutingKey::new("ES"), es.clone(), "main.rs:10")
///     .place(RoutingKey::new("FR"), fr.clone(), "main.rs:11")
///     .build()?;
/// let homes = Homes::<Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
///     .home(es, "sqlite::memory:")
///     .home(fr, "sqlite::memory:")
///     .key_column("orders", "country", Demand::Inserts)
///     .build()?;
/// let homes = Homes::from(homes);
///
/// let spanish = || order::ActiveModel { id: Set(1), country: Set("ES".into()) };
/// context::scope(RoutingKey::new("ES"), async {
///     let create = Schema::new(sea_orm::DbBackend::Sqlite).create_table_from_entity(order::Entity);
///     homes.execute(&create).await?;
///     spanish().insert(&homes).await?;
///     assert_eq!(order::Entity::find().count(&homes).await?, 1);
///     Ok::<_, sea_orm::DbErr>(())
/// })
/// .await?;
///
/// // The row says itself where it belongs, so that a wrong context is found out.
/// let refused = context::scope(RoutingKey::new("FR"), spanish().insert(&homes)).await.unwrap_err();
/// assert!(refused.to_string().contains("es, because the statement's orders.country is ES"));
/// # Ok(())
/// # }
/// ```
pub struct Homes<DB: Backend> {
    pub(crate) homes: domicile_sqlx::Homes<DB>,
}

impl<DB: Backend> From<domicile_sqlx::Homes<DB>> for Homes<DB> {
    fn from(homes: domicile_sqlx::Homes<DB>) -> Self {
        Self { homes }
    }
}

impl<DB: Backend> Homes<DB> {
    /// Starts to describe the homes that `routers` decide between; see [`domicile_sqlx::Homes::builder`]. What is built
    /// are homes of sqlx, of which these are made.
    ///
    /// ```
    /// use domicile::Home;
    /// use domicile_sea_orm::{Demand, Homes};
    /// # use domicile::{Chain, Placement, PlacementRouter};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let es = Home::new("es")?;
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// let homes: Homes<sqlx::Sqlite> = Homes::builder(routers)
    ///     .home(es.clone(), "sqlite:es.sqlite")
    ///     .key_column("orders", "country", Demand::Inserts)
    ///     .build()?
    ///     .into();
    /// assert_eq!(homes.sqlx().names(), [es]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(routers: Chain) -> Builder<DB> {
        domicile_sqlx::Homes::builder(routers)
    }

    /// Returns the homes as executors of sqlx, which share all connections and settings: for what SeaORM does not do,
    /// and for what homes as such are asked, as [`check`](domicile_sqlx::Homes::check) and
    /// [`add`](domicile_sqlx::Homes::add).
    ///
    /// ```
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// homes.sqlx().check().await.all()?;
    /// assert_eq!(homes.sqlx().names(), [Home::new("es")?, Home::new("fr")?]);
    /// # Ok(()) }
    /// ```
    pub fn sqlx(&self) -> &domicile_sqlx::Homes<DB> {
        &self.homes
    }

    /// Returns the routers that decide; see [`domicile_sqlx::Homes::routers`].
    ///
    /// ```
    /// use domicile::{Operation, RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// let orders = Operation::write("orders");
    /// let route = context::with(RoutingKey::new("PT"), || homes.routers().route(&orders))?;
    /// assert_eq!(route.home().as_str(), "es");
    /// # Ok(()) }
    /// ```
    pub fn routers(&self) -> &Chain {
        self.homes.routers()
    }

    /// Returns a handle that sends everything to this home; see [`domicile_sqlx::Homes::on`].
    ///
    /// ```
    /// use domicile::{Home, RoutingKey, context};
    /// use sea_orm::{EntityTrait, PaginatorTrait};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let french = homes.on(Home::new("fr")?);
    /// let count = order::Entity::find().count(&french);
    /// assert_eq!(context::scope(RoutingKey::new("ES"), count).await?, 1);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    #[must_use]
    pub fn on(&self, home: Home) -> Self {
        self.homes.on(home).into()
    }

    /// Returns a handle to the home that the context says here and now; see [`domicile_sqlx::Homes::here`].
    ///
    /// # Errors
    ///
    /// Whatever routing refuses, as where the context says no home.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// use sea_orm::{EntityTrait, PaginatorTrait, QueryOrder};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// // A paginator sends a statement for each page, wherever the page is asked for.
    /// let here = context::with(RoutingKey::new("ES"), || homes.here())?;
    /// let mut pages = order::Entity::find().order_by_asc(order::Column::Id).paginate(&here, 1);
    /// let mut amounts = Vec::new();
    /// while let Some(page) = pages.fetch_and_next().await? {
    ///     amounts.extend(page.into_iter().map(|order| order.amount));
    /// }
    /// assert_eq!(amounts, [3, 5]);
    ///
    /// assert!(homes.here().is_err());
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn here(&self) -> Result<Self, DbErr> {
        self.homes.here().map(Self::from).map_err(told)
    }

    /// Returns the home that this handle was fixed to by [`on`](Self::on) or [`here`](Self::here).
    ///
    /// ```
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// assert_eq!(homes.home(), None);
    /// assert_eq!(homes.on(Home::new("es")?).home().unwrap().as_str(), "es");
    /// # Ok(()) }
    /// ```
    pub fn home(&self) -> Option<&Home> {
        self.homes.home()
    }

    /// Returns a handle for operations on this record, or on what belongs to it, such as `find_related`: its own key
    /// and the home that it was loaded from are witnesses of each; see [`domicile_sqlx::Homes::of`].
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    /// use sea_orm::{EntityTrait, ModelTrait};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let orders = homes.everywhere().all(order::Entity::find()).await.rows()?;
    /// let french = orders.iter().find(|order| order.country == "FR").unwrap();
    /// // Spain has an order with the same id.
    /// let delete = || order::Entity::delete_by_id(french.id);
    /// let refused = context::scope(RoutingKey::new("ES"), delete().exec(&homes.of(french))).await.unwrap_err();
    /// assert!(refused.to_string().contains("the record was loaded from fr"));
    /// delete().exec(&homes.of(french)).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn of(&self, record: &dyn Record) -> Self {
        self.homes.of(record).into()
    }

    /// Takes a connection to the home of a statement, which is decided before the first `.await`.
    pub(crate) fn lease(&self, statement: &Statement) -> impl Future<Output = Result<Leased<DB>, DbErr>> + use<DB> {
        let decided = self.homes.decide(&statement.sql, &Bound(statement.values.as_ref()));
        async move { Leased::of(&decided.map_err(told)?).await }
    }

    /// Takes a connection to the home of a text without parameters.
    pub(crate) fn lease_text(&self, sql: &str) -> impl Future<Output = Result<Leased<DB>, DbErr>> + use<DB> {
        let decided = self.homes.decide(sql, &Bound(None));
        async move { Leased::of(&decided.map_err(told)?).await }
    }
}

/// A leased connection, as SeaORM's.
pub(crate) struct Leased<DB: Backend> {
    pub(crate) lease: Lease<DB>,
    pub(crate) connection: DatabaseConnection,
}

impl<DB: Backend> Leased<DB> {
    pub(crate) async fn of(decided: &Decided<DB>) -> Result<Self, DbErr> {
        let lease = decided.lease().await.map_err(told)?;
        let connection = DB::connection(lease.pool().clone());
        Ok(Self { lease, connection })
    }
}

impl<DB: Backend> Clone for Homes<DB> {
    fn clone(&self) -> Self {
        self.homes.clone().into()
    }
}

impl<DB: Backend> Debug for Homes<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.homes.fmt(f)
    }
}

//! Homes in files of SQLite, with customers and orders.

use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey, context};
use domicile_sea_orm::{Builder, Demand, Error, Homes};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, Schema};
use sqlx::Sqlite;
use tempfile::TempDir;

use crate::entity::{customer, order};

/// The homes of Spain, which has Portugal's records as well, and of France.
pub(crate) struct World {
    pub(crate) homes: Homes<Sqlite>,
    _folder: TempDir,
}

pub(crate) fn home(name: &str) -> Home {
    Home::new(name).unwrap()
}

pub(crate) fn routers() -> Chain {
    let key = RoutingKey::new;
    let placement = Placement::builder()
        .place(key("ES"), home("es"), "domicile.toml:12")
        .place(key("PT"), home("es"), "domicile.toml:12")
        .place(key("FR"), home("fr"), "domicile.toml:13");
    Chain::new(PlacementRouter::new(placement.build().unwrap()))
}

impl World {
    /// Both homes, empty and without tables.
    pub(crate) fn bare(describe: impl FnOnce(Builder<Sqlite>) -> Builder<Sqlite>) -> Self {
        let folder = TempDir::new().unwrap();
        let url = |name: &str| format!("sqlite:{}?mode=rwc", folder.path().join(format!("{name}.sqlite")).display());
        let builder = Homes::<Sqlite>::builder(routers()).home(home("es"), url("es")).home(home("fr"), url("fr"));
        Self { homes: describe(builder).build().unwrap().into(), _folder: folder }
    }

    /// Both homes with tables; each has a customer with the id 1.
    pub(crate) async fn new() -> Self {
        let world = Self::bare(|builder| builder.key_column("orders", "country", Demand::Inserts));
        for (name, customer) in [("es", "Ana"), ("fr", "Anne")] {
            plant(&world.homes.on(home(name)), customer).await;
        }
        world
    }
}

/// Makes the tables, and the first customer, whose id is 1.
pub(crate) async fn plant<C: ConnectionTrait>(db: &C, customer: &str) {
    let schema = Schema::new(db.get_database_backend());
    db.execute(&schema.create_table_from_entity(customer::Entity)).await.unwrap();
    db.execute(&schema.create_table_from_entity(order::Entity)).await.unwrap();
    let customer = customer::ActiveModel { name: Set(customer.into()), ..Default::default() };
    assert_eq!(sea_orm::ActiveModelTrait::insert(customer, db).await.unwrap().id, 1);
}

pub(crate) fn order(id: i64, country: &str, amount: i64) -> order::ActiveModel {
    order::ActiveModel { id: Set(id), country: Set(country.into()), customer_id: Set(1), amount: Set(amount) }
}

/// Runs a future in a scope of a key.
pub(crate) async fn within<T>(scope: &str, future: impl Future<Output = T>) -> T {
    context::scope(RoutingKey::new(scope), future).await
}

/// Returns the refusal that an error holds.
pub(crate) fn refusal(error: &DbErr) -> &Error {
    domicile_sea_orm::refusal(error).unwrap_or_else(|| panic!("the database has failed: {error}"))
}

//! The homes, and how analysers reach them.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey, context};
use domicile_sea_orm::{Demand, Homes};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Schema};
use sqlx::Sqlite;

use crate::entity::{customer, daily_sales, letter, order, refund};

/// The handle that SeaORM wants in each call. It is one for all homes and says nothing of a country, so that every
/// function may take it from the same place: here from the context. A program that has a struct for what all its parts
/// use keeps it there, as the second example does; and a function that works in its caller's transaction is given that.
pub(crate) fn db() -> Result<Homes<Sqlite>, DbErr> {
    let homes = context::get::<Homes<Sqlite>>().map(Arc::unwrap_or_clone);
    homes.ok_or_else(|| DbErr::Custom("no homes are in the context: set them where the work begins".into()))
}

/// Opens the homes in files of their own, and makes their tables.
pub(crate) async fn open(folder: &Path) -> Result<(Homes<Sqlite>, PlacementRouter), Box<dyn Error>> {
    let (iberia, france) = (Home::new("iberia")?, Home::new("france")?);
    let placement = Placement::builder()
        .place(RoutingKey::new("ES"), iberia.clone(), "homes.rs")
        .place(RoutingKey::new("PT"), iberia.clone(), "homes.rs")
        .place(RoutingKey::new("FR"), france.clone(), "homes.rs");
    let router = PlacementRouter::new(placement.build()?);
    let url = |home: &Home| format!("sqlite:{}?mode=rwc", folder.join(format!("{home}.sqlite")).display());
    let homes = Homes::<Sqlite>::builder(Chain::new(router.clone()))
        .home(iberia.clone(), url(&iberia))
        .home(france.clone(), url(&france))
        // An order says its country itself, and one that does not agree with the context is refused.
        .key_column("orders", "country", Demand::Inserts);
    let homes = Homes::from(homes.build()?);
    homes.everywhere().ask(make_tables).await.all()?;
    Ok((homes, router))
}

async fn make_tables(home: Homes<Sqlite>) -> Result<(), DbErr> {
    create(&home, customer::Entity).await?;
    create(&home, order::Entity).await?;
    create(&home, daily_sales::Entity).await?;
    create(&home, refund::Entity).await?;
    create(&home, letter::Entity).await
}

async fn create<E: EntityTrait>(home: &Homes<Sqlite>, entity: E) -> Result<(), DbErr> {
    let create = Schema::new(home.get_database_backend()).create_table_from_entity(entity);
    home.execute(&create).await.map(drop)
}

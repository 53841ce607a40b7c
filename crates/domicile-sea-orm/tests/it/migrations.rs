//! SeaORM's migrations in every home that they are for.

use domicile::{Chain, Home, Operation, Placement, PlacementRouter, Route, Router};
use domicile_sea_orm::Homes;
use sea_orm_migration::prelude::*;
use sqlx::Sqlite;
use tempfile::TempDir;

use crate::fixture::home;

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Create("m1_orders", "orders")), Box::new(Create("m2_audits", "audits"))]
    }
}

struct Create(&'static str, &'static str);

impl MigrationName for Create {
    fn name(&self) -> &str {
        self.0
    }
}

// The macro that the trait was made by counts a lifetime that is written out as another one.
#[allow(elided_lifetimes_in_paths)]
#[async_trait::async_trait]
impl MigrationTrait for Create {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = ColumnDef::new(Alias::new("id")).integer().primary_key().to_owned();
        manager.create_table(Table::create().table(Alias::new(self.1)).col(id).to_owned()).await
    }
}

/// Audits are kept in Spain.
struct Audits;

impl Router for Audits {
    fn name(&self) -> &str {
        "audits"
    }

    fn route_read(&self, _: &Operation<'_>) -> Result<Option<Route>, domicile::Error> {
        Ok(None)
    }

    fn route_write(&self, _: &Operation<'_>) -> Result<Option<Route>, domicile::Error> {
        Ok(None)
    }

    fn allow_migrate(&self, home: &Home, table: &str) -> Option<bool> {
        table.contains("audits").then(|| home.as_str() == "es")
    }
}

#[tokio::test]
async fn each_home_gets_what_is_for_it_and_is_told_how_far_it_is() {
    let folder = TempDir::new().unwrap();
    let placement = Placement::builder().home(home("es")).home(home("fr")).home(home("zz")).build().unwrap();
    let url = |name: &str| format!("sqlite:{}?mode=rwc", folder.path().join(name).display());
    let homes = domicile_sqlx::Homes::<Sqlite>::builder(Chain::new(Audits).then(PlacementRouter::new(placement)))
        .home(home("es"), url("es"))
        .home(home("fr"), url("fr"))
        .home(home("zz"), "sqlite:/no/such/folder/zz.sqlite")
        .wait(std::time::Duration::from_millis(300));
    let homes = Homes::from(homes.build().unwrap());

    let behind = |migrations: domicile::EachHome<domicile_sea_orm::Migrations, DbErr>| {
        let told =
            migrations.into_iter().map(|(home, told)| (home.to_string(), told.map(|told| told.pending.len()).ok()));
        told.collect::<Vec<_>>()
    };
    let each = |es, fr| vec![("es".into(), Some(es)), ("fr".into(), Some(fr)), ("zz".into(), None)];
    assert_eq!(behind(homes.migrations::<Migrator>().await), each(2, 1));
    let migrated: Vec<_> = homes.migrate::<Migrator>().await.into_iter().collect();
    let applied: Vec<_> = migrated.iter().map(|(_, applied)| applied.as_deref().unwrap_or_default()).collect();
    assert_eq!(applied, [&["m1_orders".to_owned(), "m2_audits".to_owned()][..], &["m1_orders".to_owned()], &[]]);
    // A home that is down has kept no other from it, and is told.
    assert!(migrated[2].1.is_err());
    assert_eq!(behind(homes.migrations::<Migrator>().await), each(0, 0));
    let again: Vec<_> = homes.migrate::<Migrator>().await.into_iter().filter_map(|(_, applied)| applied.ok()).collect();
    assert!(again.iter().all(Vec::is_empty));
}

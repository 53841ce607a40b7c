//! SeaORM's migrations in every home that they are for.

use domicile::{Chain, Confined, EachHome, Home, Operation, Placement, PlacementRouter, Route, Router, context};
use domicile_sea_orm::{Homes, Migrated, Migrations};
use sea_orm::EntityTrait;
use sea_orm_migration::prelude::*;
use sqlx::Sqlite;
use tempfile::TempDir;

use crate::entity::customer;
use crate::fixture::{World, home, refusal};

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
    let homes = Homes::<Sqlite>::builder(Chain::new(Audits).then(PlacementRouter::new(placement)))
        .home(home("es"), url("es"))
        .home(home("fr"), url("fr"))
        .home(home("zz"), "sqlite:/no/such/folder/zz.sqlite")
        .wait(std::time::Duration::from_millis(300));
    let homes = Homes::from(homes.build().unwrap());

    let lists = |migrations: EachHome<Migrations, DbErr>| {
        let told =
            migrations.into_iter().map(|(_, told)| told.ok().map(|told| [told.applied, told.pending, told.elsewhere]));
        told.collect::<Vec<_>>()
    };
    let (orders, audits) = (|| vec!["m1_orders".to_owned()], || vec!["m2_audits".to_owned()]);
    let both = || [orders(), audits()].concat();
    let before = [Some([vec![], both(), vec![]]), Some([vec![], orders(), audits()]), None];
    assert_eq!(lists(homes.migrations::<Migrator>().await), before);
    let applied = |migrated: EachHome<Migrated, DbErr>| {
        let told = migrated.into_iter().map(|(_, told)| told.ok().map(|told| told.applied));
        told.collect::<Vec<_>>()
    };
    // A home that is down has kept no other from it, and is told.
    assert_eq!(applied(homes.migrate::<Migrator>().await), [Some(both()), Some(orders()), None]);
    let after = [Some([both(), vec![], vec![]]), Some([orders(), vec![], audits()]), None];
    assert_eq!(lists(homes.migrations::<Migrator>().await), after);
    assert_eq!(applied(homes.migrate::<Migrator>().await), [Some(vec![]), Some(vec![]), None]);
}

#[tokio::test]
async fn a_scope_that_is_confined_migrates_its_home_and_is_refused_the_others_until_it_is_left() {
    let world = World::bare(|builder| builder);
    let homes = &world.homes;
    context::scope(Confined::to(home("es")).unwrap(), async {
        let [es, fr] = homes.migrate::<Migrator>().await.into_iter().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(es.1.unwrap().applied, ["m1_orders", "m2_audits"]);
        let error = fr.1.unwrap_err();
        assert!(
            refusal(&error).routing().unwrap().is_disagreement() && error.to_string().contains("confined"),
            "{error}"
        );
        assert_eq!(homes.sqlx().contacts()[&home("fr")].primary, 0);
    })
    .await;
    let migrated = homes.migrate::<Migrator>().await.all().unwrap();
    assert_eq!(migrated.iter().map(|home| home.applied.len()).collect::<Vec<_>>(), [0, 2]);
}

/// Makes a table for its session that hides the one of the same name.
struct Hide;

impl MigrationName for Hide {
    fn name(&self) -> &str {
        "m1_hide"
    }
}

#[allow(elided_lifetimes_in_paths)]
#[async_trait::async_trait]
impl MigrationTrait for Hide {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("CREATE TEMP TABLE customers (hidden INTEGER)").await.map(drop)
    }
}

struct Hiding;

impl MigratorTrait for Hiding {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Hide)]
    }
}

#[tokio::test]
async fn what_a_migration_makes_for_its_session_ends_with_it() {
    let world = World::new().await;
    for home in world.homes.migrate::<Hiding>().await.all().unwrap() {
        assert_eq!(home.applied, ["m1_hide"]);
    }
    let customers = world.homes.everywhere().all(customer::Entity::find()).await.rows().unwrap();
    assert_eq!(customers.len(), 2);
}

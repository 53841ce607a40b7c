//! Which homes are asked by what asks all of them: none is left out because nobody thought of it.

use domicile_sqlx::{Builder, Error, Homes};
use sqlx::Sqlite;
use tempfile::TempDir;

use crate::fixture::{World, home, plant, routers, url};

/// Homes of which only Spain's has a database; the routers know France as well.
async fn spain(folder: &TempDir, describe: impl FnOnce(Builder<Sqlite>) -> Builder<Sqlite>) -> Homes<Sqlite> {
    let builder = Homes::<Sqlite>::builder(routers()).home(home("es"), url(folder, "es"));
    let homes = describe(builder).build().unwrap();
    plant(&homes, "es").await;
    homes
}

fn count() -> sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments> {
    sqlx::query("SELECT count(*) FROM orders")
}

#[tokio::test]
async fn a_home_whose_database_was_forgotten_is_told_by_all_that_goes_everywhere() {
    let none = sqlx::migrate::Migrator::with_migrations(Vec::new());
    let folder = TempDir::new().unwrap();
    let homes = spain(&folder, |builder| builder).await;
    let counts = homes.everywhere().fetch_scalar::<i64, _>(count).await;
    assert_eq!(
        counts.iter().map(|(home, count)| (home.as_str(), count.is_ok())).collect::<Vec<_>>(),
        [("es", true), ("fr", false)]
    );
    let error = counts.count().unwrap_err();
    assert!(error.to_string().contains("home fr has no database"), "{error}");
    let is_forgotten = |result: &Result<(), Error>| matches!(result, Err(Error::NoDatabase { .. }));
    let checked = homes.check().await;
    assert_eq!(checked.iter().map(|(_, result)| is_forgotten(result)).collect::<Vec<_>>(), [false, true]);
    assert_eq!(homes.migrate(&none).await.all().unwrap_err().home(), Some(&home("fr")));

    // Its twin says that it is elsewhere.
    let folder = TempDir::new().unwrap();
    let homes = spain(&folder, |builder| builder.elsewhere(home("fr"))).await;
    assert_eq!(homes.everywhere().fetch_scalar::<i64, _>(count).await.count().unwrap(), 1);
    assert_eq!(homes.check().await.all().unwrap().len(), 1);
    assert_eq!(homes.migrate(&none).await.all().unwrap().len(), 1);
    // Who asks for it by name is told nevertheless, and one that is added is here.
    assert!(homes.among([home("fr")]).fetch_scalar::<i64, _>(count).await.count().is_err());
    homes.add(home("fr"), url(&folder, "fr")).unwrap();
    plant(&homes, "fr").await;
    assert_eq!(homes.everywhere().fetch_scalar::<i64, _>(count).await.count().unwrap(), 2);
}

#[tokio::test]
async fn what_is_asked_of_no_home_is_no_answer() {
    let world = World::plain().await;
    let nobody = async || world.homes.among([]).fetch_scalar::<i64, _>(count).await;
    let is_refused = |error: domicile::MergeError<Error>| match error {
        domicile::MergeError::Refused(error) => error.is_no_home(),
        other => panic!("{other}"),
    };
    assert!(is_refused(nobody().await.count().unwrap_err()));
    assert!(is_refused(nobody().await.all().unwrap_err()));
    let rows = world.homes.among([]).fetch_all(|| sqlx::query("SELECT * FROM orders")).await;
    assert!(is_refused(rows.rows().unwrap_err()));
    // A home without rows is asked, and its nothing is an answer.
    sqlx::query("DELETE FROM orders").execute(&world.homes.on(home("es"))).await.unwrap();
    let spain = world.homes.among([home("es")]);
    assert_eq!(spain.fetch_scalar::<i64, _>(count).await.count().unwrap(), 0);
    let rows = spain.fetch_all(|| sqlx::query("SELECT * FROM orders")).await;
    assert_eq!(rows.rows().unwrap().len(), 0);
}

#[tokio::test]
async fn a_handle_to_one_home_checks_that_home_alone() {
    let world = World::plain().await;
    let before = world.homes.contacts();
    assert_eq!(world.homes.on(home("es")).check().await.all().unwrap().len(), 1);
    let after = world.homes.contacts();
    let contacted = |name: &str| after[&home(name)].primary - before[&home(name)].primary;
    assert_eq!((contacted("es"), contacted("fr")), (1, 0));
    assert_eq!(world.homes.check().await.all().unwrap().len(), 2);
}

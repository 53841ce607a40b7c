//! What a database says that it is, and that no other takes its place.

use std::collections::BTreeSet;

use domicile::context;
use domicile_sqlx::{Budget, Capability, Error, Homes};
use domicile_testkit::Server;
use sqlx::{Connection, MySql, MySqlConnection, Postgres, Sqlite};
use tempfile::TempDir;

use crate::fixture::{home, note, plant, refusal, routers, url, within};

async fn select_one(homes: &Homes<Postgres>) -> Result<(), Error> {
    sqlx::query("SELECT 1").execute(homes).await.map(drop).map_err(|error| match error {
        sqlx::Error::Configuration(refusal) => *refusal.downcast::<Error>().unwrap(),
        other => Error::Database(other),
    })
}

#[tokio::test]
async fn a_database_is_free_for_another_home_when_its_home_has_got_another() {
    let folder = TempDir::new().unwrap();
    let linked = |name: &str| folder.path().join(format!("{name}.sqlite"));
    let homes = Homes::<Sqlite>::builder(routers()).home(home("es"), url(&folder, "first")).build().unwrap();
    plant(&homes, "es").await;
    // Another name of the same file, which only the system itself tells.
    std::fs::hard_link(linked("first"), linked("link")).unwrap();
    let is_refused = async |homes: &Homes<Sqlite>| {
        homes.add(home("fr"), url(&folder, "link")).unwrap();
        let asked = within("FR", note(homes)).await;
        asked.map_err(|error| assert!(matches!(refusal(&error), Error::SameDatabase { .. }), "{error}")).is_err()
    };
    assert!(is_refused(&homes).await);

    // What has begun with the first database keeps it, and so keeps others from it.
    let decided = context::with(home("es"), || homes.decide_write()).unwrap();
    let lease = decided.lease().await.unwrap();
    homes.add(home("es"), url(&folder, "second")).unwrap();
    assert!(is_refused(&homes).await);
    drop((lease, decided));
    assert!(!is_refused(&homes).await);
    assert_eq!(within("FR", note(&homes)).await.unwrap(), "planted in es");
    // And now it is France's.
    homes.add(home("es"), url(&folder, "first")).unwrap();
    let error = within("ES", note(&homes)).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::SameDatabase { .. }), "{error}");
}

#[tokio::test]
async fn databases_that_are_marked_are_told_by_their_markers_alone() {
    let folder = TempDir::new().unwrap();
    // Of one file there cannot be two markers, so that the second home is refused by the first one's.
    let path = |name: &str| folder.path().join(format!("{name}.sqlite"));
    std::fs::write(path("es"), "").unwrap();
    std::fs::hard_link(path("es"), path("fr")).unwrap();
    let homes = Homes::<Sqlite>::builder(routers()).home(home("es"), url(&folder, "es"));
    let homes = homes.home(home("fr"), url(&folder, "fr")).build().unwrap();
    homes.mark(&home("es")).await.unwrap();
    let error = homes.mark(&home("fr")).await.unwrap_err();
    assert!(matches!(error, Error::WrongHome { .. }), "{error}");
    let error = within("FR", note(&homes)).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::WrongHome { .. }), "{error}");
    within("ES", sqlx::query("SELECT 1").execute(&homes)).await.unwrap();
}

#[tokio::test]
async fn two_servers_are_told_apart_that_have_one_name_and_one_folder() {
    let (Some(one), Some(other)) = (Server::mariadb(), Server::mariadb()) else { return };
    let mut told = Vec::new();
    for server in [&one, &other] {
        for database in ["shop", "books"] {
            server.create_database(database);
            let mut connection = MySqlConnection::connect(&server.url(database)).await.unwrap();
            let identity = MySql::identity(&mut connection).await.unwrap().unwrap();
            assert_eq!(MySql::identity(&mut connection).await.unwrap().as_ref(), Some(&identity));
            // As if they were containers, whose folders have one name each.
            told.push(identity.replace(&server.dir().display().to_string(), "/var/lib/mysql"));
        }
    }
    assert_eq!(BTreeSet::from_iter(&told).len(), 4, "{told:?}");
    assert!(told.iter().all(|told| told.contains("server_uid ") || told.contains("server_uuid ")), "{told:?}");
}

#[tokio::test]
async fn a_file_that_took_the_place_of_a_homes_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(format!("{name}.sqlite"));
    let budget = Budget::new(1);
    let homes = Homes::<Sqlite>::builder(routers())
        .home(home("es"), url(&folder, "es"))
        .home(home("fr"), url(&folder, "fr"))
        .budget(budget.clone())
        .build()
        .unwrap();
    for name in ["es", "fr"] {
        plant(&homes, name).await;
        homes.mark(&home(name)).await.unwrap();
    }
    assert_eq!(within("ES", note(&homes)).await.unwrap(), "planted in es");
    // The one connection that is allowed is France's now, and Spain's is opened again.
    assert_eq!(within("FR", note(&homes)).await.unwrap(), "planted in fr");
    std::fs::copy(path("es"), path("kept")).unwrap();
    std::fs::copy(path("fr"), path("es")).unwrap();
    let error = within("ES", note(&homes)).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::WrongHome { marked, .. } if marked == "fr"), "{error}");
    assert_eq!(budget.open(), 0, "nothing stays open to it");
    // Its twin has the right marker.
    std::fs::copy(path("kept"), path("es")).unwrap();
    assert_eq!(within("ES", note(&homes)).await.unwrap(), "planted in es");
}

#[tokio::test]
async fn a_database_that_was_made_anew_is_refused_on_reconnection() {
    let Some(server) = Server::postgres() else { return };
    server.create_database("es");
    let homes = Homes::<Postgres>::builder(routers()).home(home("es"), server.url("es")).require_markers();
    let homes = homes.build().unwrap().on(home("es"));
    homes.mark(&home("es")).await.unwrap();
    select_one(&homes).await.unwrap();
    let mark = |home: &str| {
        // The server ends the connections that are open to it.
        server.sql("postgres", "DROP DATABASE es WITH (FORCE)");
        server.create_database("es");
        let create = "CREATE TABLE domicile_home (one INTEGER PRIMARY KEY CHECK (one = 1), home TEXT NOT NULL)";
        server.sql("es", &format!("{create}; INSERT INTO domicile_home VALUES (1, '{home}')"));
    };
    for _ in 0..2 {
        mark("fr");
        let error = select_one(&homes).await.unwrap_err();
        assert!(matches!(&error, Error::WrongHome { marked, .. } if marked == "fr"), "{error}");
        assert_eq!(server.connections("es"), 0, "nothing stays open to it");
        // Also in a transaction.
        let error = homes.begin().unwrap().savepoint().await.map(drop).unwrap_err();
        assert!(matches!(error, Error::WrongHome { .. }), "{error}");
        // Its twin has the right marker.
        mark("es");
        select_one(&homes).await.unwrap();
    }
}

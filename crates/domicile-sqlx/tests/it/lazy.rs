//! When the home of a statement is decided, and that it stays.

use domicile::{Context, context};
use futures::TryStreamExt;

use crate::fixture::{World, home, key, note, refusal, within};

#[tokio::test]
async fn nested_scopes_lead_to_their_homes_and_back() {
    let world = World::plain().await;
    let homes = &world.homes;
    assert!(note(homes).await.is_err());
    within("ES", async {
        assert_eq!(note(homes).await.unwrap(), "planted in es");
        within("FR", async {
            assert_eq!(note(homes).await.unwrap(), "planted in fr");
            within("PT", async { assert_eq!(note(homes).await.unwrap(), "planted in es") }).await;
            assert_eq!(note(homes).await.unwrap(), "planted in fr");
        })
        .await;
        assert_eq!(note(homes).await.unwrap(), "planted in es");
    })
    .await;
    assert!(note(homes).await.is_err());
}

#[tokio::test]
async fn an_error_in_the_middle_leaves_the_scope_around_as_it_was() {
    let world = World::plain().await;
    let homes = &world.homes;
    within("ES", async {
        let failed = within("FR", async {
            sqlx::query("SELECT * FROM no_such_table").execute(homes).await?;
            note(homes).await
        });
        assert!(failed.await.is_err());
        assert_eq!(note(homes).await.unwrap(), "planted in es");
        let panicked = tokio::spawn(Context::current().and(key("FR")).scope(async { panic!("in France") }));
        assert!(panicked.await.is_err());
        assert_eq!(note(homes).await.unwrap(), "planted in es");
    })
    .await;
}

#[tokio::test]
async fn guards_that_are_dropped_out_of_order_leave_each_its_own() {
    let world = World::plain().await;
    let homes = world.homes.clone();
    // Guards stay on their thread, so that the futures are run to their end between them.
    let told = move || futures::executor::block_on(homes.here_note());
    let told = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let outer = context::enter(key("ES"));
        let inner = context::enter(key("FR"));
        let first = told();
        drop(outer);
        let second = told();
        drop(inner);
        (first, second, told())
    });
    let (first, second, third) = told.join().unwrap();
    assert_eq!((first.as_deref(), second.as_deref(), third), (Some("fr"), Some("fr"), None));
}

trait HereNote {
    async fn here_note(&self) -> Option<String>;
}

impl HereNote for domicile_sqlx::Homes<sqlx::Sqlite> {
    async fn here_note(&self) -> Option<String> {
        self.here().ok().map(|here| here.home().unwrap().to_string())
    }
}

#[tokio::test]
async fn a_stream_keeps_the_home_that_it_was_made_for_when_it_outlives_the_scope() {
    let world = World::plain().await;
    let homes = &world.homes;
    let rows = context::with(key("ES"), || sqlx::query_scalar("SELECT note FROM orders").fetch(homes));
    let notes: Vec<String> = within("FR", rows.try_collect()).await.unwrap();
    assert_eq!(notes, ["planted in es"]);
    // Made where nothing was known, it is refused, also where something is known when it is polled.
    let rows = sqlx::query_scalar("SELECT note FROM orders").fetch(homes);
    let refused = within("FR", rows.try_collect::<Vec<String>>()).await.unwrap_err();
    assert!(refusal(&refused).routing().unwrap().is_no_opinion());
}

#[tokio::test]
async fn a_handle_to_here_keeps_its_home_in_every_scope() {
    let world = World::plain().await;
    let here = context::with(key("ES"), || world.homes.here()).unwrap();
    assert_eq!(within("FR", note(&here)).await.unwrap(), "planted in es");
    // The same future without it goes where it is polled.
    assert_eq!(within("FR", note(&world.homes)).await.unwrap(), "planted in fr");
    let why = here.decide("SELECT 1", &domicile_sqlx::Unreadable).unwrap().route().to_string();
    assert!(why.contains(file!()) && why.contains("RoutingKey(ES) was set at"), "{why}");
}

#[tokio::test]
async fn the_same_primary_key_in_two_homes_is_two_objects() {
    use domicile::Located;

    let world = World::plain().await;
    let everywhere = world.homes.everywhere();
    let orders = everywhere.fetch_all_as::<(i64, String), _>(|| sqlx::query("SELECT id, note FROM orders"));
    let orders = orders.await.rows().unwrap();
    assert_eq!(orders.len(), 2);
    assert_eq!((orders[0].0, orders[1].0), (1, 1));
    assert_ne!(orders[0], orders[1]);
    // Even where all columns are equal.
    assert_ne!(Located::new(home("es"), 1), Located::new(home("fr"), 1));

    // What belongs to an object is read from its own home, and refused from another.
    assert_eq!(note(&world.homes.of(&orders[1])).await.unwrap(), "planted in fr");
    let refused = within("ES", note(&world.homes.of(&orders[1]))).await.unwrap_err();
    assert!(refusal(&refused).routing().unwrap().is_disagreement());
}

#[tokio::test]
async fn a_handle_to_one_home_asks_and_migrates_no_other() {
    let world = World::plain().await;
    let es = world.homes.on(home("es"));
    let deleted = es.everywhere().execute(|| sqlx::query("DELETE FROM orders")).await.all().unwrap();
    assert_eq!(deleted.iter().map(|deleted| deleted.home().as_str()).collect::<Vec<_>>(), ["es"]);
    assert_eq!(crate::fixture::notes(&world.homes, "fr").await, ["planted in fr"]);
    let none = sqlx::migrate::Migrator::with_migrations(Vec::new());
    assert_eq!(es.migrate(&none).await.len(), 1);
    // Twice the same home is once.
    let twice = world.homes.among([home("fr"), home("fr")]);
    let count = twice.fetch_scalar::<i64, _>(|| sqlx::query("SELECT count(*) FROM orders")).await;
    assert_eq!(count.count().unwrap(), 1);
}

#[tokio::test]
async fn a_handle_to_one_home_sends_nothing_to_another_that_is_named_beside_it() {
    let world = World::plain().await;
    let es = world.homes.on(home("es"));
    let fr_before = world.homes.contacts()[&home("fr")];
    let count = || sqlx::query("SELECT count(*) FROM orders");
    let counts = es.among([home("es"), home("fr")]).fetch_scalar::<i64, _>(count).await;
    let [(_, own), (_, refused)] = counts.iter().collect::<Vec<_>>()[..] else { panic!("two were asked") };
    assert!(matches!(own, Ok(1)), "{own:?}");
    let refused = refused.as_ref().unwrap_err();
    assert!(refused.routing().unwrap().is_disagreement() && refused.to_string().contains(file!()), "{refused}");

    let asked = es.ask(vec![home("es"), home("fr")], async |homes| note(&homes).await).await;
    let [(_, own), (_, refused)] = asked.iter().collect::<Vec<_>>()[..] else { panic!("two were asked") };
    assert_eq!(own.as_ref().unwrap(), "planted in es");
    assert!(refusal(refused.as_ref().unwrap_err()).routing().unwrap().is_disagreement());
    assert_eq!(world.homes.contacts()[&home("fr")], fr_before);
    // A handle that was fixed to none asks both.
    let both = world.homes.among([home("es"), home("fr")]);
    assert_eq!(both.fetch_scalar::<i64, _>(count).await.count().unwrap(), 2);
}

//! The conformance kit catches routers that are broken, and lets those pass that are not.

use std::sync::Mutex;

use domicile::{Chain, Error, Home, Operation, Placed, Route, Router, RoutingKey, context};
use domicile_sqlx::conformance::{check, watch};
use domicile_sqlx::{Capability, Homes};
use domicile_testkit::Server;
use sqlx::{MySql, Postgres, Sqlite};
use tempfile::TempDir;

use crate::fixture::{World, home, key, note, placement_router, routers, url, within};

fn cases() -> [(RoutingKey, Home); 3] {
    [(key("ES"), home("es")), (key("PT"), home("es")), (key("FR"), home("fr"))]
}

async fn checked(routers: Chain) -> Result<usize, String> {
    let folder = TempDir::new().unwrap();
    let homes =
        Homes::<Sqlite>::builder(routers).home(home("es"), url(&folder, "es")).home(home("fr"), url(&folder, "fr"));
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let checked = check(&homes.build().unwrap(), &cases(), seed).await;
    checked.map(|checked| checked.operations).map_err(|violation| violation.to_string())
}

/// A router that answers by a function.
struct Broken(fn(&Operation<'_>) -> Option<Home>);

impl Router for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        Ok((self.0)(operation).map(|home| Route::new(home, "it says so")))
    }

    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.route_read(operation)
    }

    fn placed(&self, key: &RoutingKey) -> Option<Placed> {
        placement_router().placed(key)
    }
}

/// A router that reads as it should, and writes by another one.
struct WritesBy<W>(W);

impl<W: Router> Router for WritesBy<W> {
    fn name(&self) -> &str {
        "writes by another"
    }

    fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        placement_router().route_read(operation)
    }

    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.0.route_write(operation)
    }

    fn placed(&self, key: &RoutingKey) -> Option<Placed> {
        placement_router().placed(key)
    }
}

/// A router that does not say where keys live.
struct Silent<R>(R);

impl<R: Router> Router for Silent<R> {
    fn name(&self) -> &str {
        "silent"
    }

    fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.0.route_read(operation)
    }

    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.0.route_write(operation)
    }
}

fn by_context() -> Option<Home> {
    let key = context::get::<RoutingKey>()?;
    Some(home(if key.as_str() == "FR" { "fr" } else { "es" }))
}

#[tokio::test]
async fn a_router_that_keeps_the_contract_passes() {
    assert!(checked(routers()).await.unwrap() >= 50);
    // The routers that follow are wrong in what they write by, and not because they write by another.
    assert!(checked(Chain::new(WritesBy(placement_router()))).await.unwrap() >= 50);
}

#[tokio::test]
async fn a_router_with_a_default_home_is_caught() {
    let violation = checked(Chain::new(Broken(|_| by_context().or_else(|| Some(home("es")))))).await.unwrap_err();
    assert_eq!(violation, "a read without any context must be refused, and reached es");
}

#[tokio::test]
async fn a_router_that_knows_one_home_only_is_caught() {
    let violation = checked(Chain::new(Broken(|_| Some(home("es")))).then(placement_router())).await.unwrap_err();
    // The first case is es itself, and there it is right.
    assert_eq!(violation, "a read in the scope of the key FR belongs to fr, and reached es");
}

#[tokio::test]
async fn a_router_that_takes_no_notice_of_a_records_key_is_caught() {
    let by_known = |_: &Operation<'_>| {
        let known = context::get::<RoutingKey>().is_some_and(|key| ["ES", "PT", "FR"].contains(&key.as_str()));
        known.then(by_context).flatten()
    };
    let violation = checked(Chain::new(Silent(Broken(by_known)))).await.unwrap_err();
    assert_eq!(
        violation,
        "a read for a record with the key FR in the scope of the key ES must be refused, and reached es"
    );
    assert!(checked(Chain::new(Broken(by_known))).await.is_ok(), "where it says where keys live, the chain sees to it");
}

#[tokio::test]
async fn a_router_that_takes_an_unknown_key_for_the_first_home_is_caught() {
    let violation = checked(Chain::new(Broken(|_| by_context()))).await.unwrap_err();
    assert_eq!(violation, "a read with a key that nobody has placed must be refused, and reached es");
}

/// The value that is shared by all tasks, as a static of a module is: the last one that was set wins.
static LAST: Mutex<Option<RoutingKey>> = Mutex::new(None);

#[tokio::test]
async fn a_router_that_remembers_is_caught() {
    let remembers = Broken(|_| {
        let key = context::get::<RoutingKey>().filter(|key| ["ES", "PT", "FR"].contains(&key.as_str()));
        let mut last = LAST.lock().unwrap();
        // It looks again only now and then, as a cache does.
        if last.is_none() {
            *last = key.as_deref().cloned();
        }
        Some(home(if last.as_ref()?.as_str() == "FR" { "fr" } else { "es" }))
    });
    let violation = checked(Chain::new(remembers)).await.unwrap_err();
    assert!(violation.contains("reached es") || violation.contains("must be refused"), "{violation}");
}

/// The key that was routed last, and how many there were.
type Cached = Mutex<(usize, Option<RoutingKey>)>;

/// Once it is warm, after more operations than there are before keys take turns, it looks at the context every fifth
/// time, which is well as long as one key is in use.
fn by_cache(cached: &Cached, warm_after: usize) -> Option<Home> {
    let key = context::get::<RoutingKey>().filter(|key| ["ES", "PT", "FR"].contains(&key.as_str()))?;
    let mut cached = cached.lock().unwrap();
    cached.0 += 1;
    if cached.0 <= warm_after || cached.0.is_multiple_of(5) || cached.1.is_none() {
        cached.1 = Some(RoutingKey::clone(&key));
    }
    Some(home(if cached.1.as_ref()?.as_str() == "FR" { "fr" } else { "es" }))
}

#[tokio::test]
async fn a_router_that_is_wrong_only_while_keys_take_turns_is_caught() {
    static CACHED: Cached = Mutex::new((0, None));
    let violation = checked(Chain::new(Broken(|_| by_cache(&CACHED, 18)))).await.unwrap_err();
    assert!(violation.contains("with others at the same time (seed "), "{violation}");
}

#[tokio::test]
async fn a_router_that_writes_elsewhere_only_while_keys_take_turns_is_caught() {
    static CACHED: Cached = Mutex::new((0, None));
    let violation = checked(Chain::new(WritesBy(Broken(|_| by_cache(&CACHED, 9))))).await.unwrap_err();
    let [begin, middle] = ["a write in the scope of the key ", "with others at the same time (seed "];
    assert!(violation.starts_with(begin) && violation.contains(middle), "{violation}");
}

#[tokio::test]
async fn a_router_that_reads_well_and_writes_to_one_home_only_is_caught() {
    let violation = checked(Chain::new(WritesBy(Broken(|_| Some(home("es")))))).await.unwrap_err();
    assert_eq!(violation, "a write in the scope of the key FR belongs to fr, and reached es");
    let by_key = |_: &Operation<'_>| by_context().map(|own| home(if own.as_str() == "fr" { "es" } else { "fr" }));
    let violation = checked(Chain::new(WritesBy(Broken(by_key)))).await.unwrap_err();
    assert_eq!(violation, "a write in the scope of the key ES belongs to es, and reached fr");
}

#[tokio::test]
async fn a_router_that_reads_well_and_writes_what_it_does_not_know_is_caught() {
    let guesses = Broken(|_| by_context().or_else(|| Some(home("es"))));
    let violation = checked(Chain::new(WritesBy(guesses))).await.unwrap_err();
    assert_eq!(violation, "a write without any context must be refused, and reached es");
    let violation = checked(Chain::new(WritesBy(Broken(|_| by_context())))).await.unwrap_err();
    assert_eq!(violation, "a write with a key that nobody has placed must be refused, and reached es");
}

#[tokio::test]
async fn a_router_that_writes_to_what_is_for_reading_is_caught() {
    let folder = TempDir::new().unwrap();
    let copy = Broken(|_| by_context().map(|own| if own == home("es") { home("es-copy") } else { own }));
    let homes = Homes::<Sqlite>::builder(Chain::new(WritesBy(copy)))
        .home_with_replicas(home("es"), url(&folder, "es"), [url(&folder, "es")])
        .home(home("es-copy"), url(&folder, "es-copy"))
        .home(home("fr"), url(&folder, "fr"));
    let violation = check(&homes.build().unwrap(), &cases(), 7).await.unwrap_err();
    assert_eq!(violation.to_string(), "a write in the scope of the key ES belongs to es alone, and contacted es-copy");

    // A replica that is only read from is what it should be.
    let homes = Homes::<Sqlite>::builder(routers())
        .home_with_replicas(home("es"), url(&folder, "es"), [url(&folder, "es")])
        .home(home("fr"), url(&folder, "fr"))
        .build()
        .unwrap();
    check(&homes, &cases(), 7).await.unwrap();
    assert!(homes.contacts()[&home("es")].replicas > 0);
}

#[tokio::test]
async fn a_watch_tells_who_was_contacted_and_who_was_not() {
    let world = World::plain().await;
    let (told, contacted) = watch(&world.homes, within("ES", note(&world.homes))).await;
    assert_eq!(told.unwrap(), "planted in es");
    assert_eq!(contacted.into_iter().collect::<Vec<_>>(), [home("es")]);
    let (refused, contacted) = watch(&world.homes, note(&world.homes)).await;
    assert!(refused.is_err() && contacted.is_empty());
}

fn two<DB: Capability>(server: &Server) -> Homes<DB> {
    server.create_database("es");
    server.create_database("fr");
    let homes = Homes::<DB>::builder(routers()).home(home("es"), server.url("es")).home(home("fr"), server.url("fr"));
    homes.build().unwrap()
}

#[tokio::test]
async fn the_kit_runs_on_servers() {
    if let Some(server) = Server::postgres() {
        check(&two::<Postgres>(&server), &cases(), 7).await.unwrap();
    }
    if let Some(server) = Server::mariadb() {
        check(&two::<MySql>(&server), &cases(), 7).await.unwrap();
    }
}

//! Homes that do not answer, and those that go on beside them.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domicile::{Chain, Context, Placement, PlacementRouter, ReplicaReads, context};
use domicile_sqlx::{Budget, Builder, Error, Homes};
use domicile_testkit::Server;
use futures::future::join_all;
use sqlx::{MySql, Postgres};
use tokio::net::TcpListener;

use crate::fixture::{World, home, key, note, routers, within};

/// A server that takes every connection and never says anything.
pub(crate) struct Silent {
    port: u16,
    taken: Arc<AtomicUsize>,
}

impl Silent {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (port, taken) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&taken);
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                held.push(connection);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { port, taken }
    }

    pub(crate) fn url(&self) -> String {
        url(self.port)
    }

    /// How many connections it has taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

fn url(port: u16) -> String {
    format!("postgres://nobody:secret@127.0.0.1:{port}/nothing")
}

/// A port at which nobody is.
pub(crate) async fn dead_url() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    url(listener.local_addr().unwrap().port())
}

fn homes(urls: &[String], describe: impl FnOnce(Builder<Postgres>) -> Builder<Postgres>) -> Homes<Postgres> {
    let names: Vec<_> = (0..urls.len()).map(|index| home(&format!("down{index}"))).collect();
    let placement = names.iter().fold(Placement::builder(), |placement, name| placement.home(name.clone()));
    let builder = Homes::builder(Chain::new(PlacementRouter::new(placement.build().unwrap())));
    let described = names.into_iter().zip(urls).fold(builder, |builder, (name, url)| builder.home(name, url));
    describe(described).build().unwrap()
}

/// What asking the home `down` and a number fails with.
async fn failure(homes: &Homes<Postgres>, number: usize) -> Error {
    let asked = context::with(home(&format!("down{number}")), || homes.decide_write()).unwrap();
    asked.lease().await.unwrap_err()
}

#[tokio::test]
async fn homes_that_do_not_answer_leave_room_for_the_others() {
    let budget = Budget::new(4);
    let world = World::new(|builder| builder.budget(budget.clone())).await;
    let servers = join_all((0..6).map(|_| Silent::new())).await;
    let urls: Vec<_> = servers.iter().map(Silent::url).collect();
    let down = homes(&urls, |builder| builder.budget(budget.clone()).wait(Duration::from_secs(600)));
    // More than they could all have, of which some are older than what is asked of the others.
    let waiting: Vec<_> = (0..60)
        .map(|index| {
            let down = down.clone();
            tokio::spawn(async move { failure(&down, index % 6).await })
        })
        .collect();
    let taken = || servers.iter().map(Silent::taken).sum::<usize>();
    while taken() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..50 {
        assert_eq!(within("ES", note(&world.homes)).await.unwrap(), "planted in es");
        assert_eq!(within("FR", note(&world.homes)).await.unwrap(), "planted in fr");
    }
    assert_eq!(taken(), 2, "half of the budget is tried with, and no more");
    assert!(waiting.iter().all(|task| !task.is_finished()));
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    join_all(waiting).await;
    // Nothing is left behind: all of the budget is there again.
    let both = async || (within("ES", note(&world.homes)).await.unwrap(), budget.open());
    assert_eq!(both().await.1, 2);
}

#[tokio::test]
async fn who_waits_for_an_attempt_that_fails_fails_with_it() {
    let wait = Duration::from_secs(1);
    let server = Silent::new().await;
    let down = homes(&[server.url()], |builder| builder.wait(wait));
    let begun = Instant::now();
    let failed = join_all((0..30).map(|_| failure(&down, 0))).await;
    assert!(begun.elapsed() < 2 * wait, "{:?}", begun.elapsed());
    for error in failed {
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        assert!(error.to_string().contains("it has not answered within 1s"), "{error}");
    }
    assert_eq!(server.taken(), 1);
    // Who comes later tries it again.
    failure(&down, 0).await;
    assert_eq!(server.taken(), 2);
}

#[tokio::test]
async fn a_home_that_refuses_connections_is_waited_for_once_and_then_told_at_once() {
    let wait = Duration::from_secs(1);
    let down = homes(&[dead_url().await], |builder| builder.wait(wait));
    let begun = Instant::now();
    let error = failure(&down, 0).await;
    assert!(begun.elapsed() >= wait && error.to_string().contains("has not answered"), "{error}");
    let begun = Instant::now();
    let error = failure(&down, 0).await;
    assert!(begun.elapsed() < wait && error.to_string().contains("refused"), "{error}");
    // The reason is said once, also by who tells the sources as well.
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(source, None);
    assert!(!error.to_string().contains("secret"));
}

#[tokio::test]
async fn all_that_is_waited_for_has_one_deadline() {
    let wait = Duration::from_secs(2);
    let budget = Budget::new(1);
    let world = World::new(|builder| builder.budget(budget.clone())).await;
    let server = Silent::new().await;
    let down = homes(&[server.url()], |builder| builder.budget(budget.clone()).wait(wait));
    let decided = context::with(home("es"), || world.homes.decide_write()).unwrap();
    let lease = decided.lease().await.unwrap();
    let begun = Instant::now();
    let waiting = tokio::spawn(async move { failure(&down, 0).await });
    // It waits for the budget first, and for an answer with what is left.
    tokio::time::sleep(wait * 3 / 4).await;
    assert_eq!(server.taken(), 0);
    drop(lease);
    let error = waiting.await.unwrap();
    assert!(error.to_string().contains("it has not answered within 2s"), "{error}");
    assert_eq!(server.taken(), 1);
    assert!(begun.elapsed() < wait * 3 / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn who_was_late_itself_says_nothing_of_a_database() {
    let wait = Duration::from_secs(2);
    let budget = Budget::new(1);
    let world = World::new(|builder| builder.budget(budget.clone())).await;
    let server = Silent::new().await;
    let down = homes(&[server.url()], |builder| builder.budget(budget.clone()).wait(wait));
    let decided = context::with(home("es"), || world.homes.decide_write()).unwrap();
    let lease = decided.lease().await.unwrap();
    let waiting = tokio::spawn(async move { failure(&down, 0).await });
    // Nearly all of its time is over when it may ask.
    tokio::time::sleep(wait * 19 / 20).await;
    drop(lease);
    let error = waiting.await.unwrap();
    assert!(matches!(error, Error::Exhausted { .. }), "{error}");
}

macro_rules! frozen {
    ($name:ident, $database:ty, $start:expr) => {
        #[tokio::test]
        async fn $name() {
            let Some(mut server) = $start else { return };
            server.create_database("es");
            let budget = Budget::new(3);
            let world = World::new(|builder| builder.budget(budget.clone())).await;
            let frozen = Homes::<$database>::builder(routers())
                .home(home("es"), server.url("es"))
                .elsewhere(home("fr"))
                .budget(budget.clone())
                .wait(Duration::from_secs(1))
                .build()
                .unwrap();
            // All of the budget is its own when it falls silent.
            let decided = context::with(home("es"), || frozen.decide_write()).unwrap();
            let leases = join_all((0..3).map(|_| decided.lease())).await;
            let leases: Vec<_> = leases.into_iter().map(Result::unwrap).collect();
            let in_use = join_all(leases.iter().map(|lease| lease.pool().acquire())).await;
            assert_eq!((budget.open(), server.connections("es")), (3, 3));
            server.pause();
            // Each is asked whether it is sound as it is given back, and does not say.
            drop(in_use);
            drop(leases);
            let ask = async || within("ES", sqlx::query("SELECT 1").execute(&frozen)).await;
            let asked = join_all((0..30).map(|_| ask()));
            let others = async {
                for _ in 0..20 {
                    assert_eq!(within("FR", note(&world.homes)).await.unwrap(), "planted in fr");
                }
            };
            let (asked, ()) = tokio::join!(asked, others);
            assert!(asked.iter().all(Result::is_err));
            server.resume();
            ask().await.unwrap();
            assert_eq!(within("FR", note(&world.homes)).await.unwrap(), "planted in fr");
        }
    };
}

frozen!(a_postgres_that_falls_silent_gives_its_connections_to_others, Postgres, Server::postgres());
frozen!(a_mariadb_that_falls_silent_gives_its_connections_to_others, MySql, Server::mariadb());

macro_rules! runtimes {
    ($name:ident, $database:ty, $start:expr) => {
        // As the tests of a program do that keeps its homes in a static.
        #[test]
        fn $name() {
            let Some(server) = $start else { return };
            server.create_database("es");
            let budget = Budget::new(2).close_idle_after(Duration::from_millis(50));
            let homes = Homes::<$database>::builder(routers()).home(home("es"), server.url("es"));
            let homes = homes.budget(budget.clone()).build().unwrap();
            for _ in 0..3 {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let one = sqlx::query_scalar::<$database, i32>("SELECT 1").fetch_one(&homes);
                assert_eq!(runtime.block_on(within("ES", one)).unwrap(), 1);
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                within("ES", sqlx::query("SELECT 1").execute(&homes)).await.unwrap();
                let begun = Instant::now();
                while budget.open() > 0 {
                    assert!(begun.elapsed() < Duration::from_secs(30), "{budget:?}");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
            assert_eq!(server.connections("es"), 0);
        }
    };
}

runtimes!(homes_in_postgres_outlive_the_runtime_that_they_were_used_in, Postgres, Server::postgres());
runtimes!(homes_in_mariadb_outlive_the_runtime_that_they_were_used_in, MySql, Server::mariadb());

/// The messages of the events that are told while it lives, on this thread.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Told {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("domicile_sqlx")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Vec::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            fields.push(format!("{field}={value:?}"));
        });
        self.0.lock().unwrap().push(fields.join(" "));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

macro_rules! replica_outage {
    ($name:ident, $database:ty, $start:expr) => {
        #[tokio::test]
        async fn $name() {
            let (Some(mut primary), Some(mut replica)) = ($start, $start) else { return };
            for server in [&primary, &replica] {
                server.create_database("es");
                server.sql("es", "CREATE TABLE orders (id INTEGER)");
            }
            replica.sql("es", "INSERT INTO orders VALUES (1)");
            let wait = Duration::from_secs(1);
            let homes = Homes::<$database>::builder(routers())
                .home_with_replicas(home("es"), primary.url("es"), [replica.url("es")])
                .wait(wait)
                .build()
                .unwrap();
            let count = || {
                let count = sqlx::query_scalar::<$database, i64>("SELECT count(*) FROM orders").fetch_one(&homes);
                Context::current().and(key("ES")).and(ReplicaReads::new()).scope(count)
            };
            assert_eq!(count().await.unwrap(), 1, "by the replica");

            let told = Told::default();
            let _telling = tracing::subscriber::set_default(told.clone());
            replica.kill();
            assert_eq!(count().await.unwrap(), 0, "by the primary");
            let events = told.0.lock().unwrap().clone();
            assert!(matches!(&events[..], [one] if one.contains("passed over") && one.contains("home=es")), "{events:?}");
            // It is left in peace for a while, and then asked again.
            let begun = Instant::now();
            assert_eq!(count().await.unwrap(), 0);
            assert_eq!(told.0.lock().unwrap().len(), 1);
            replica.start_again();
            while count().await.unwrap() == 0 {
                assert!(begun.elapsed() < Duration::from_secs(60));
            }

            // What was sent and has failed is not sent again: it would succeed at the primary.
            primary.sql("es", "CREATE TABLE late (id INTEGER)");
            let late = sqlx::query("SELECT id FROM late").execute(&homes);
            let before = homes.contacts()[&home("es")].primary;
            Context::current().and(key("ES")).and(ReplicaReads::new()).scope(late).await.unwrap_err();
            assert_eq!(homes.contacts()[&home("es")].primary, before);
            within("ES", sqlx::query("SELECT id FROM late").execute(&homes)).await.unwrap();

            // With nobody left, it is the primary that is told of.
            replica.kill();
            primary.kill();
            let error = count().await.unwrap_err();
            assert!(error.to_string().contains("home es cannot be connected to"), "{error}");
        }
    };
}

replica_outage!(a_replica_of_postgres_that_is_down_is_passed_over, Postgres, Server::postgres());
replica_outage!(a_replica_of_mariadb_that_is_down_is_passed_over, MySql, Server::mariadb());

#[tokio::test]
async fn a_replica_that_does_not_answer_leaves_time_for_the_primary() {
    let Some(primary) = Server::postgres() else { return };
    primary.create_database("es");
    let silent = Silent::new().await;
    let wait = Duration::from_secs(3);
    let homes = Homes::<Postgres>::builder(routers())
        .home_with_replicas(home("es"), primary.url("es"), [silent.url(), dead_url().await])
        .wait(wait)
        .build()
        .unwrap();
    let begun = Instant::now();
    let scope = Context::current().and(key("ES")).and(ReplicaReads::new());
    scope.scope(sqlx::query("SELECT 1").execute(&homes)).await.unwrap();
    assert!(begun.elapsed() < wait, "{:?}", begun.elapsed());
    assert_eq!((silent.taken(), homes.contacts()[&home("es")].primary), (1, 1));
}

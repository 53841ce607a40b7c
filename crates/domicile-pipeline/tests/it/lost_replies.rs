//! A commit whose answer is lost: the home is asked where it is, and what it has done is counted, once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domicile_pipeline::{Condition, Event, Observer, Pipeline, Position};
use domicile_testkit::Proxy;

use crate::fixture::{counts, home, run};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

/// Does something once the source is read, and notes what is told of homes.
struct Telling<F> {
    begin: F,
    told: Mutex<Vec<String>>,
}

impl<F: Fn() + Send + Sync> Telling<F> {
    fn new(begin: F) -> Arc<Self> {
        Arc::new(Self { begin, told: Mutex::default() })
    }

    fn tell(&self, told: String) {
        self.told.lock().unwrap().push(told);
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl<F: Fn() + Send + Sync> Observer for Telling<F> {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::SourceStarted { .. } => (self.begin)(),
            Event::Committed(commit) if commit.home == "es" => {
                self.tell(format!("es committed {} up to {}", commit.account.read, commit.position));
            }
            Event::HomeWaits { home, .. } => self.tell(format!("{home} waits")),
            Event::HomeFailed { home, failure, .. } => self.tell(format!("{home} failed: {failure}")),
            _ => {}
        }
    }
}

/// Four orders of a home behind a proxy, which refuses one of them.
fn behind_a_proxy(kind: &Kind) -> Option<(World, Arc<Proxy>, Pipeline)> {
    let world = World::new(kind)?.analyser("orders", "", "SELECT id, amount FROM record").analyser(
        "sums",
        "write = \"merge\"",
        "SELECT country, count(*) AS n FROM record GROUP BY country",
    );
    world.server.sql("es", "CREATE TABLE orders (id bigint, amount numeric(12,2) CHECK (amount > 0))");
    world.order(&["'ES', NULL, 1.00", "'ES', NULL, -1.00", "'ES', NULL, 2.00", "'FR', NULL, 4.00", "'ES', NULL, 8.00"]);
    let proxy = Arc::new(Proxy::to(&world.server));
    let url = |database: &str| world.server.url(database);
    let homes = format!(
        "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = \"FR\", url = \"{}\" }}",
        proxy.url(&world.server, "es"),
        url("fr")
    );
    let pipeline = pipeline(world.config(&url("source"), &homes, &url("control"), ""));
    Some((world, proxy, pipeline))
}

fn assert_once(world: &World) {
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "3", "5"]);
    assert_eq!(world.rows("es", "SELECT n FROM sums"), ["3"]);
    assert_eq!(
        world.rows("es", "SELECT sum(a.read), sum(delivered), sum(quarantined) FROM domicile_account a"),
        ["4|3|1"]
    );
    assert_eq!(world.rows("es", "SELECT position FROM domicile_quarantine"), ["2"]);
}

/// Loses the reply to what contains this text. What the report says is what is in the home, in either case.
fn the_report_is_whole_when_a_reply_is_lost_to(kind: &Kind, text: &'static str) {
    let Some((world, proxy, pipeline)) = behind_a_proxy(kind) else { return };
    let losing = Arc::clone(&proxy);
    let observer = Telling::new(move || losing.lose_reply_to(text));
    let report = succeeded(run(&pipeline, observer.clone()).unwrap());
    assert_eq!(proxy.cuts(), 1, "the reply was lost");
    let es = home(&report, "es");
    assert_eq!((es.state, counts(es), &es.position), (Condition::Well, [4, 3, 0, 1], &Some(Position::At(5))));
    // Partial results are those of the records on both sides of the one that is refused.
    let objects: Vec<_> = es.objects.iter().map(|object| (object.table.as_str(), object.count)).collect();
    assert_eq!((es.causes.values().sum::<u64>(), objects), (1, vec![("orders", 3), ("sums", 2)]));
    assert_eq!(observer.told(), ["es waits", "es committed 4 up to 5"]);
    assert_once(&world);
    assert_eq!(counts(home(&succeeded(run(&pipeline, Telling::new(|| {})).unwrap()), "es")), [0; 4]);
}

#[test]
fn what_postgres_has_committed_is_counted_though_its_answer_is_lost() {
    the_report_is_whole_when_a_reply_is_lost_to(&POSTGRES, "COMMIT");
}

#[test]
fn what_mariadb_has_committed_is_counted_though_its_answer_is_lost() {
    the_report_is_whole_when_a_reply_is_lost_to(&MARIADB, "COMMIT; ");
}

#[test]
fn what_postgres_has_undone_is_counted_once_it_is_delivered_anew() {
    the_report_is_whole_when_a_reply_is_lost_to(&POSTGRES, "INSERT INTO domicile_account");
}

#[test]
fn what_mariadb_has_undone_is_counted_once_it_is_delivered_anew() {
    the_report_is_whole_when_a_reply_is_lost_to(&MARIADB, "UPDATE domicile_position SET position");
}

/// The home has got the beginning of its rows, and the connection ends.
fn rows_whose_connection_is_cut_while_they_flow_arrive_once(kind: &Kind) {
    let Some((world, proxy, pipeline)) = behind_a_proxy(kind) else { return };
    let more = "INSERT INTO orders (country, amount)
                SELECT 'ES', 1.00 FROM orders a, orders b, orders c, orders d, orders e, orders f";
    world.sql("source", more);
    // Only rows make up so much.
    let cutting = Arc::clone(&proxy);
    let observer = Telling::new(move || cutting.cut_after_sent(100_000));
    let report = succeeded(run(&pipeline, observer.clone()).unwrap());
    assert_eq!((proxy.cuts(), counts(home(&report, "es"))), (1, [15_629, 15_628, 0, 1]));
    assert_eq!(observer.told()[0], "es waits");
    assert_eq!(world.rows("es", "SELECT count(*), count(DISTINCT id) FROM orders"), ["15628|15628"]);
    assert_eq!(world.rows("es", "SELECT n FROM sums"), ["15628"]);
}

#[test]
fn rows_arrive_once_though_a_copy_of_postgres_is_cut() {
    rows_whose_connection_is_cut_while_they_flow_arrive_once(&POSTGRES);
}

#[test]
fn rows_arrive_once_though_an_insert_of_mariadb_is_cut() {
    rows_whose_connection_is_cut_while_they_flow_arrive_once(&MARIADB);
}

/// The server is still at the commit when it is asked where the home is: its answer is of before, and the next transaction
/// finds that somebody has moved on. That was this run.
#[test]
fn a_commit_that_comes_about_after_the_home_was_asked_is_not_told_as_that_of_another_run() {
    let Some((world, proxy, pipeline)) = behind_a_proxy(&POSTGRES) else { return };
    // A commit in `es` waits for a standby, which there is none of, until somebody ends the connection.
    for database in ["control", "fr", "source", "postgres"] {
        world.server.sql("postgres", &format!("ALTER DATABASE {database} SET synchronous_commit = local"));
    }
    world.server.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    world.server.sql("postgres", "SELECT pg_reload_conf()");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = 'es'";
    let observer = Telling::new(|| {});
    let report = std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&pipeline, observer.clone()));
        let wait_for = |count: &str| {
            let deadline = Instant::now() + Duration::from_secs(60);
            while world.rows("postgres", waiting) != [count] {
                assert!(Instant::now() < deadline && !running.is_finished(), "{count} never wait");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        wait_for("1");
        proxy.cut();
        running.join().unwrap().unwrap()
    });
    assert_eq!(counts(home(&succeeded(report), "es")), [4, 3, 0, 1]);
    assert_eq!(observer.told(), ["es waits", "es committed 4 up to 5"]);
    assert_once(&world);
}

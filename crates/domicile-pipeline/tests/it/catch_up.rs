//! Homes that are behind, or fail, catch up by themselves while the others go on.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domicile_pipeline::{Event, Observer, Pipeline};
use domicile_testkit::Server;

use crate::fixture::{self, Setup, counts, home, only, run};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

/// What a run tells of homes, in its order.
#[derive(Default)]
struct Told {
    events: Mutex<Vec<String>>,
}

impl Told {
    fn tell(&self, event: String) {
        self.events.lock().unwrap().push(event);
    }

    fn of(&self, what: &str) -> Vec<String> {
        self.events.lock().unwrap().iter().filter(|event| event.starts_with(what)).cloned().collect()
    }
}

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        self.tell(match event {
            Event::SourceStarted { after, upto, .. } => format!("started from {after} up to {upto}"),
            Event::HomesCatchUp { homes, after, upto, .. } => {
                format!("catching up {} from {after} up to {upto}", homes.join(" "))
            }
            Event::HomeWaits { home, .. } => format!("waiting {home}"),
            Event::HomeFailed { home, .. } => format!("failed {home}"),
            _ => return,
        });
    }
}

/// Twelve orders, every other one of each home, that have arrived.
fn arrived() -> (fixture::World, Setup) {
    let orders = ["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 2.00"];
    let world = fixture::World::with_orders(&orders.into_iter().cycle().take(12).collect::<Vec<_>>());
    let setup = Setup::new().insert("orders", "SELECT id FROM record").batch_rows(2);
    world.run(&setup);
    (world, setup)
}

fn told(world: &fixture::World, setup: &Setup) -> Vec<String> {
    let told = Arc::new(Told::default());
    assert!(!run(&world.pipeline(setup), Arc::<Told>::clone(&told)).unwrap().has_failed());
    told.of("")
}

#[test]
fn a_home_that_is_far_behind_has_a_reader_of_its_own() {
    let (world, setup) = arrived();
    std::fs::remove_file(world.home_path("es")).unwrap();
    world.order(&["'FR', 'Zoé', NULL, 1.00", "'ES', 'Eva', NULL, 1.00"]);
    let events = told(&world, &setup);
    assert_eq!(events, ["started from 12 up to 14", "catching up es from the start up to 14"]);
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id").join(" "), "1 3 5 7 9 11 14");
    assert_eq!(world.rows("fr", "SELECT id FROM orders ORDER BY id").join(" "), "2 4 6 8 10 12 13");
    world.order(&["'FR', 'Zoé', NULL, 1.00"]);
    assert_eq!(told(&world, &setup), ["started from 14 up to 15"], "they are together again");
}

#[test]
fn a_home_that_is_behind_by_less_than_all_have_to_read_is_read_for_with_them() {
    let (world, setup) = arrived();
    world.in_home("es", "UPDATE domicile_position SET position = '11'");
    world.order(&["'FR', 'Zoé', NULL, 1.00", "'ES', 'Eva', NULL, 1.00"]);
    assert_eq!(told(&world, &setup), ["started from 11 up to 14"]);
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id").join(" "), "1 3 5 7 9 11 14");
}

/// Interferes when something is told for the first time.
struct Interfering<F> {
    told: Told,
    when: &'static str,
    act: Mutex<Option<F>>,
}

impl<F: FnOnce() + Send> Interfering<F> {
    fn new(when: &'static str, act: F) -> Arc<Self> {
        Arc::new(Self { told: Told::default(), when, act: Mutex::new(Some(act)) })
    }

    fn meet(&self, event: &str) {
        if event == self.when
            && let Some(act) = self.act.lock().unwrap().take()
        {
            act();
        }
    }
}

impl<F: FnOnce() + Send> Observer for Interfering<F> {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Committed(commit) => self.meet(&format!("delivered {}", commit.home)),
            Event::HomeWaits { home, .. } => {
                self.told.observe(event);
                self.meet(&format!("waiting {home}"));
            }
            Event::HomeFailed { .. } => self.told.observe(event),
            _ => {}
        }
    }
}

const SUMS: &str = "SELECT country, count(*) AS n, sum(amount) AS s FROM record GROUP BY country";

/// Orders in a server's source, of which every second one is for each home.
fn sold(kind: &Kind) -> Option<World> {
    let world = World::new(kind)?;
    let world = world.analyser("orders", "", "SELECT id FROM record").analyser("sums", "write = \"merge\"", SUMS);
    let orders = vec!["('ES', 1.00), ('FR', 2.00)"; 20].join(", ");
    world.server.sql("source", &format!("INSERT INTO orders (country, amount) VALUES {orders}"));
    Some(world)
}

fn assert_arrived(server: &Server, database: &str, expected: &str) {
    let rows = |sql| server.sql(database, sql).trim().replace('\t', "|");
    assert_eq!(rows("SELECT count(*), count(DISTINCT id) FROM orders"), "20|20", "{database}");
    assert_eq!(rows("SELECT n, s FROM sums"), expected, "{database}");
    assert_eq!(rows("SELECT sum(a.read), sum(delivered) FROM domicile_account a"), "20|20", "{database}");
}

/// The same, with a commit for each batch.
fn in_small_commits(world: &World) -> Pipeline {
    let url = |database| world.server.url(database);
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", url("{home}"));
    let config = world.config(&url("source"), &homes, &url("control"), "rows = 3\n[delivery]\ncommit_rows = 1");
    pipeline(config)
}

fn a_home_whose_server_comes_back_is_delivered_to_within_the_run(kind: &Kind) {
    let Some(world) = sold(kind) else { return };
    let Some(mut other) = (kind.start)() else { return };
    other.create_database("fr");
    let url = |database| world.server.url(database);
    let homes = format!(
        "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = \"FR\", url = \"{}\" }}",
        url("es"),
        other.url("fr")
    );
    let pipeline = pipeline(world.config(&url("source"), &homes, &url("control"), "rows = 3"));
    other.kill();
    let report = run(&pipeline, Arc::new(Told::default())).unwrap();
    let failed: Vec<_> = report.sources[0].failed().map(|home| home.home.clone()).collect();
    assert_eq!(failed, ["fr"], "a server that stays away is told");
    assert_arrived(&world.server, "es", "20|20.00");

    let other = Arc::new(Mutex::new(other));
    let away = Arc::clone(&other);
    let observer = Interfering::new("waiting fr", move || away.lock().unwrap().start_again());
    let report = succeeded(run(&pipeline, Arc::<Interfering<_>>::clone(&observer)).unwrap());
    assert_eq!(counts(home(&report, "fr")), [20, 20, 0, 0]);
    assert_arrived(&other.lock().unwrap(), "fr", "20|40.00");
    assert!(!observer.told.of("waiting fr").is_empty());
    assert_eq!(observer.told.of("failed"), [] as [&str; 0]);
}

#[test]
fn a_home_of_postgres_whose_server_comes_back_is_delivered_to_within_the_run() {
    a_home_whose_server_comes_back_is_delivered_to_within_the_run(&POSTGRES);
}

#[test]
fn a_home_of_mariadb_whose_server_comes_back_is_delivered_to_within_the_run() {
    a_home_whose_server_comes_back_is_delivered_to_within_the_run(&MARIADB);
}

#[test]
fn connections_of_postgres_that_are_cut_are_made_anew() {
    let Some(world) = sold(&POSTGRES) else { return };
    let pipeline = in_small_commits(&world);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'es' AND pid <> pg_backend_pid()";
    let server = Arc::new(world.server);
    let cutting = Arc::clone(&server);
    let observer = Interfering::new("delivered es", move || drop(cutting.sql("postgres", cut)));
    let report = succeeded(run(&pipeline, Arc::<Interfering<_>>::clone(&observer)).unwrap());
    assert_eq!(counts(home(&report, "es")), [20, 20, 0, 0]);
    assert_arrived(&server, "es", "20|20.00");
    assert_arrived(&server, "fr", "20|40.00");
    assert_eq!(observer.told.of(""), ["waiting es"]);
}

#[test]
fn a_home_that_somebody_has_to_mend_is_left_alone_until_the_next_run() {
    let Some(world) = sold(&POSTGRES) else { return };
    world.server.sql("postgres", "ALTER DATABASE es ALLOW_CONNECTIONS false");
    let told = Arc::new(Told::default());
    let report = only(run(&world.pipeline(), Arc::<Told>::clone(&told)).unwrap());
    assert!(home(&report, "es").failure.as_deref().is_some_and(|failure| failure.contains("not currently accepting")));
    assert_eq!((told.of("waiting").len(), told.of("failed")), (0, vec![String::from("failed es")]));
    assert_arrived(&world.server, "fr", "20|40.00");
    world.server.sql("postgres", "ALTER DATABASE es ALLOW_CONNECTIONS true");
    assert_eq!(counts(home(&world.run(), "es")), [20, 20, 0, 0]);
    assert_arrived(&world.server, "es", "20|20.00");
}

/// The source is another one when it is opened again.
#[test]
fn a_home_that_waits_is_told_as_failed_where_the_source_cannot_be_read_any_more() {
    let Some(world) = sold(&POSTGRES) else { return };
    let Some(mut other) = Server::postgres() else { return };
    other.create_database("fr");
    other.kill();
    let pipeline = with_france_on(&other, &world, "");
    let server = Arc::new(world.server);
    let source = Arc::clone(&server);
    let observer =
        Interfering::new("waiting fr", move || drop(source.sql("source", "ALTER TABLE orders RENAME TO away")));
    let report = only(run(&pipeline, Arc::<Interfering<_>>::clone(&observer)).unwrap());
    assert!(report.failure.is_some() && home(&report, "fr").failure.is_some(), "{report:#?}");
    assert_eq!(observer.told.of(""), ["waiting fr", "failed fr"]);
    server.sql("source", "ALTER TABLE away RENAME TO orders");
    other.start_again();
    succeeded(run(&pipeline, Arc::new(Told::default())).unwrap());
    assert_arrived(&other, "fr", "20|40.00");
}

/// The world's pipeline, with one home on another server, and a commit for each record.
fn with_france_on(other: &Server, world: &World, delivery: &str) -> Pipeline {
    let url = |database| world.server.url(database);
    let homes = format!(
        "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = \"FR\", url = \"{}?connect_timeout=1\" }}",
        url("es"),
        other.url("fr")
    );
    let batch = format!("rows = 1\n[delivery]\ncommit_rows = 1\n{delivery}");
    pipeline(world.config(&url("source"), &homes, &url("control"), &batch))
}

/// A home's server is stopped while the run has a transaction there, and none of its connections is closed.
fn a_home_that_does_not_answer_holds_nobody_up(kind: &Kind) {
    let Some(world) = sold(kind) else { return };
    let Some(other) = (kind.start)() else { return };
    other.create_database("fr");
    let pipeline = with_france_on(&other, &world, "answer_seconds = 2");
    let other = Arc::new(Mutex::new(other));
    let stopped = Arc::clone(&other);
    let observer = Interfering::new("delivered fr", move || stopped.lock().unwrap().pause());
    let report = only(run(&pipeline, Arc::<Interfering<_>>::clone(&observer)).unwrap());
    other.lock().unwrap().resume();
    assert!(home(&report, "fr").failure.is_some(), "{report:#?}");
    assert_eq!(counts(home(&report, "es")), [20, 20, 0, 0]);
    assert_arrived(&world.server, "es", "20|20.00");
    let told = observer.told.of("");
    assert!(told.len() > 1 && told[..told.len() - 1].iter().all(|told| told == "waiting fr"), "{told:?}");

    succeeded(run(&pipeline, Arc::new(Told::default())).unwrap());
    assert_arrived(&other.lock().unwrap(), "fr", "20|40.00");
}

#[test]
fn a_home_of_postgres_that_does_not_answer_holds_nobody_up() {
    a_home_that_does_not_answer_holds_nobody_up(&POSTGRES);
}

#[test]
fn a_home_of_mariadb_that_does_not_answer_holds_nobody_up() {
    a_home_that_does_not_answer_holds_nobody_up(&MARIADB);
}

/// A home's server is stopped in the middle of a run, and nobody waits for its answer: the batches that it holds are given to
/// the others long before `answer_seconds` are over.
fn others_finish_while_a_home_hangs_which_then_gets_everything(kind: &Kind) {
    let Some(world) = sold(kind) else { return };
    let Some(other) = (kind.start)() else { return };
    other.create_database("fr");
    let pipeline = with_france_on(&other, &world, "");
    let other = Arc::new(Mutex::new(other));
    let stopped = Arc::clone(&other);
    let observer = Interfering::new("delivered fr", move || stopped.lock().unwrap().pause());
    let report = std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&pipeline, Arc::<Interfering<_>>::clone(&observer)).unwrap());
        let deadline = Instant::now() + Duration::from_secs(100);
        let mine = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'orders' AND table_schema IN ('es', 'public')";
        while world.rows("es", mine) != ["1"] || world.rows("es", "SELECT count(*) FROM orders") != ["20"] {
            assert!(Instant::now() < deadline && !running.is_finished(), "it waits for the one that hangs");
            std::thread::sleep(Duration::from_millis(20));
        }
        other.lock().unwrap().resume();
        running.join().unwrap()
    });
    let report = succeeded(report);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([20, 20, 0, 0], [20, 20, 0, 0]));
    assert_arrived(&world.server, "es", "20|20.00");
    assert_arrived(&other.lock().unwrap(), "fr", "20|40.00");
    assert!(!observer.told.of("waiting fr").is_empty() && observer.told.of("failed").is_empty());
}

#[test]
fn others_finish_while_a_home_of_postgres_hangs_which_then_gets_everything() {
    others_finish_while_a_home_hangs_which_then_gets_everything(&POSTGRES);
}

#[test]
fn others_finish_while_a_home_of_mariadb_hangs_which_then_gets_everything() {
    others_finish_while_a_home_hangs_which_then_gets_everything(&MARIADB);
}

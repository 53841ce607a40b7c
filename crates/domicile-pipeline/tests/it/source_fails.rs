//! A source whose connection is cut is read again within the run, from where the homes are.

use std::sync::{Arc, Mutex};

use domicile_pipeline::{Event, Observer, Pipeline, Until};
use domicile_testkit::{Proxy, Server};

use crate::fixture::{self, Setup, counts, described, home, only, open, run, runtime};
use crate::hanging::Script;
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

/// What is done once.
type Act = Box<dyn FnOnce() + Send>;

/// Does something when something is told for the first time, and notes what fails.
struct Interfering {
    act: Mutex<Option<(&'static str, Act)>>,
    then: Mutex<Option<Act>>,
    told: Mutex<Vec<String>>,
}

impl Interfering {
    /// `then` is done when the source has failed.
    fn new(when: &'static str, act: impl FnOnce() + Send + 'static, then: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let (act, then) = (Mutex::new(Some((when, Box::new(act) as _))), Mutex::new(Some(Box::new(then) as _)));
        Arc::new(Self { act, then, told: Mutex::default() })
    }

    fn meet(&self, what: &str) {
        let taken = self.act.lock().unwrap().take_if(|(when, _)| *when == what);
        if let Some((_, act)) = taken {
            act();
        }
    }

    fn tell(&self, told: String) {
        self.told.lock().unwrap().push(told);
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl Observer for Interfering {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::SourceStarted { .. } => self.meet("started"),
            Event::Committed(commit) => self.meet(commit.home),
            Event::SourceFails { source, .. } => {
                self.tell(format!("{source} fails"));
                let then = self.then.lock().unwrap().take();
                then.into_iter().for_each(|then| then());
            }
            Event::HomeWaits { home, .. } => self.tell(format!("{home} waits")),
            Event::HomeFailed { home, .. } => self.tell(format!("{home} failed")),
            _ => {}
        }
    }
}

const SUMS: &str = "SELECT country, count(*) AS n, sum(amount) AS s FROM record GROUP BY country";

/// 400 orders in a server of its own, every other one of each home.
fn sold(kind: &Kind) -> Option<(World, Server)> {
    let world = World::new(kind)?;
    let world =
        world.analyser("orders", "", "SELECT id, customer FROM record").analyser("sums", "write = \"merge\"", SUMS);
    let source = World::new(kind)?.server;
    let customer = "x".repeat(80);
    let orders = vec![format!("('ES', '{customer}', 1.00), ('FR', '{customer}', 2.00)"); 200].join(", ");
    source.sql("source", &format!("INSERT INTO orders (country, customer, amount) VALUES {orders}"));
    Some((world, source))
}

fn reading(world: &World, source: &str) -> Pipeline {
    answering(world, source, 300)
}

/// The same, with so many seconds for an answer.
fn answering(world: &World, source: &str, seconds: u32) -> Pipeline {
    let url = |database| world.server.url(database);
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", url("{home}"));
    let batch = format!("rows = 40\n[delivery]\ncommit_rows = 20\nanswer_seconds = {seconds}");
    pipeline(world.config(source, &homes, &url("control"), &batch))
}

fn assert_arrived(world: &World) {
    for (database, sums) in [("es", "200|200.00"), ("fr", "200|400.00")] {
        assert_eq!(world.rows(database, "SELECT count(*), count(DISTINCT id) FROM orders"), ["200|200"], "{database}");
        assert_eq!(world.rows(database, "SELECT n, s FROM sums"), [sums], "{database}");
        let account = "SELECT sum(a.read), sum(delivered) FROM domicile_account a";
        assert_eq!(world.rows(database, account), ["200|200"], "{database}");
    }
}

fn a_source_whose_server_is_started_again_is_read_on_within_the_run(kind: &Kind) {
    let Some((world, source)) = sold(kind) else { return };
    let pipeline = reading(&world, &source.url("source"));
    let server = Arc::new(Mutex::new(source));
    let (killed, started) = (Arc::clone(&server), Arc::clone(&server));
    let kill = move || killed.lock().unwrap().kill();
    let observer = Interfering::new("es", kill, move || started.lock().unwrap().start_again());
    let report = succeeded(run(&pipeline, observer.clone()).unwrap());
    for home_name in ["es", "fr"] {
        assert_eq!(counts(home(&report, home_name)), [200, 200, 0, 0], "what was done before is counted, too");
    }
    assert_eq!(observer.told(), ["orders fails"]);
    assert_arrived(&world);
}

fn a_source_whose_connection_is_cut_in_the_middle_of_a_batch_is_read_on(kind: &Kind) {
    let Some((world, source)) = sold(kind) else { return };
    let proxy = Arc::new(Proxy::to(&source));
    let pipeline = reading(&world, &proxy.url(&source, "source"));
    let cutting = Arc::clone(&proxy);
    let observer = Interfering::new("started", move || cutting.cut_after(20_000), || {});
    let report = succeeded(run(&pipeline, observer.clone()).unwrap());
    assert_eq!((counts(home(&report, "es")), proxy.cuts()), ([200, 200, 0, 0], 1));
    assert_eq!(observer.told(), ["orders fails"]);
    assert_arrived(&world);
}

/// It takes what it is asked, and says nothing.
fn a_source_that_hangs_is_read_on_within_the_run(kind: &Kind) {
    let Some((world, source)) = sold(kind) else { return };
    let proxy = Arc::new(Proxy::to(&source));
    let pipeline = answering(&world, &proxy.url(&source, "source"), 2);
    let (hanging, going_on) = (Arc::clone(&proxy), Arc::clone(&proxy));
    let observer = Interfering::new("started", move || hanging.swallow_replies(), move || going_on.heal());
    let report = succeeded(run(&pipeline, observer.clone()).unwrap());
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([200, 200, 0, 0], [200, 200, 0, 0]));
    assert_eq!(observer.told(), ["orders fails"]);
    assert_arrived(&world);
}

fn a_control_database_that_hangs_fails_the_run_in_time(kind: &Kind) {
    let Some((world, source)) = sold(kind) else { return };
    let proxy = Arc::new(Proxy::to(&world.server));
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", world.server.url("{home}"));
    let batch = "rows = 40\n[delivery]\ncommit_rows = 20";
    let control = proxy.url(&world.server, "control");
    let answering =
        |more: &str| pipeline(world.config(&source.url("source"), &homes, &control, &format!("{batch}{more}")));
    let never = || Interfering::new("never", || {}, || {});
    proxy.swallow_replies();
    let failed = run(&answering("\nanswer_seconds = 1"), never()).unwrap_err();
    let told = described(failed.problems().expect("it is the database of a setting")).concat();
    assert!(told.contains("it has not answered for 1 s (`delivery.answer_seconds`)"), "{told}");
    assert!(!failed.is_configuration());
    proxy.heal();
    succeeded(run(&answering(""), never()).unwrap());
    assert_arrived(&world);
}

fn a_source_that_hangs_when_it_is_opened_fails_the_run_in_time(kind: &Kind) {
    let Some((world, source)) = sold(kind) else { return };
    let proxy = Arc::new(Proxy::to(&source));
    let pipeline = answering(&world, &proxy.url(&source, "source"), 1);
    let never = || Interfering::new("never", || {}, || {});
    proxy.swallow_replies();
    let failed = run(&pipeline, never()).unwrap_err();
    let told = described(failed.problems().expect("it is the database of a setting")).concat();
    assert!(told.contains("it has not answered in 1 s (`delivery.answer_seconds`)"), "{told}");
    proxy.heal();
    succeeded(run(&pipeline, never()).unwrap());
    assert_arrived(&world);
}

fn a_source_that_stays_away_fails_the_run_and_no_home(kind: &Kind) {
    let Some((world, source)) = sold(kind) else { return };
    let proxy = Arc::new(Proxy::to(&source));
    let pipeline = reading(&world, &proxy.url(&source, "source"));
    let refusing = Arc::clone(&proxy);
    let observer = Interfering::new("es", move || refusing.refuse(), || {});
    let report = only(run(&pipeline, observer.clone()).unwrap());
    assert!(report.failure.is_some(), "{report:#?}");
    assert_eq!((report.failed().count(), observer.told()), (0, vec![String::from("orders fails"); 5]));
    proxy.heal();
    succeeded(run(&pipeline, Interfering::new("never", || {}, || {})).unwrap());
    assert_arrived(&world);
}

/// The contract, as tests of each kind of server.
macro_rules! contract {
    ($($test:ident)*) => {
        mod postgres { $(#[test] fn $test() { super::$test(&super::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(&super::MARIADB) })* }
    };
}

contract! {
    a_source_whose_server_is_started_again_is_read_on_within_the_run
    a_source_whose_connection_is_cut_in_the_middle_of_a_batch_is_read_on
    a_source_that_hangs_is_read_on_within_the_run
    a_source_that_hangs_when_it_is_opened_fails_the_run_in_time
    a_control_database_that_hangs_fails_the_run_in_time
    a_source_that_stays_away_fails_the_run_and_no_home
    a_run_that_is_asked_to_stop_while_it_waits_for_a_source_is_told_as_stopped
}

fn a_run_that_is_asked_to_stop_while_it_waits_for_a_source_is_told_as_stopped(kind: &Kind) {
    let Some((world, source)) = sold(kind) else { return };
    let proxy = Arc::new(Proxy::to(&source));
    let pipeline = reading(&world, &proxy.url(&source, "source"));
    let (refusing, until) = (Arc::clone(&proxy), Until::default());
    let stopping = until.stop.clone();
    let observer = Interfering::new("es", move || refusing.refuse(), move || stopping.cancel());
    let report = only(runtime().block_on(pipeline.run_until(observer.clone(), &until)).unwrap());
    assert!(report.is_stopped && report.failure.is_some(), "{report:#?}");
    assert_eq!((report.failed().count(), observer.told()), (0, vec![String::from("orders fails")]));
    proxy.heal();
    succeeded(run(&pipeline, Interfering::new("never", || {}, || {})).unwrap());
    assert_arrived(&world);
}

#[test]
fn a_source_that_is_a_file_which_somebody_else_locks_is_read_on() {
    let world = fixture::World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'ES', 'Bea', NULL, 2.00"]);
    let setup = Setup::new().insert("orders", "SELECT id, customer FROM record");
    let other = Arc::new(Mutex::new(open(&world.path("source.sqlite"))));
    let freed = Arc::clone(&other);
    let lock = move || other.lock().unwrap().execute_batch("BEGIN EXCLUSIVE").unwrap();
    let free = move || freed.lock().unwrap().execute_batch("ROLLBACK").unwrap();
    let observer = Interfering::new("started", lock, free);
    let report = succeeded(run(&world.pipeline(&setup), observer.clone()).unwrap());
    assert_eq!((counts(home(&report, "es")), observer.told()), ([2, 2, 0, 0], vec![String::from("orders fails")]));
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "2"]);
}

/// The home `es` is away, and `fr` is held up by a lock until `es` has been tried more often than it would be by itself.
#[test]
fn a_home_is_tried_for_as_long_as_others_are_read_for_also_once_the_source_has_failed() {
    let Some((world, source)) = sold(&POSTGRES) else { return };
    let (way, away) = (Arc::new(Proxy::to(&source)), Arc::new(Proxy::to(&world.server)));
    away.refuse();
    let url = |database: &str| world.server.url(database);
    let homes = format!(
        "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = \"FR\", url = \"{}\" }}",
        away.url(&world.server, "es"),
        url("fr")
    );
    let batch = "rows = 40\n[delivery]\ncommit_rows = 20\nothers_wait_seconds = 600";
    let pipeline = pipeline(world.config(&way.url(&source, "source"), &homes, &url("control"), batch));
    world.server.sql("fr", "CREATE TABLE orders (id bigint, customer varchar(80))");
    let server = Arc::new(world.server);
    let locking = |server: &Server| {
        let mut session = server.session("fr");
        assert!(session.execute("BEGIN; LOCK TABLE orders IN SHARE MODE"));
        session
    };
    let lock = Arc::new(Mutex::new(Some(locking(&server))));
    let (cut, held, freed, freed_too) = (Arc::clone(&lock), Arc::clone(&lock), Arc::clone(&lock), Arc::clone(&lock));
    let (cutting, healing, locked) = (Arc::clone(&way), Arc::clone(&away), Arc::clone(&server));
    let script = Script::default()
        .at("started", 1, move || cutting.cut_after(20_000))
        .at("waiting es", 4, move || drop(cut.lock().unwrap().take()))
        .at("source fails", 1, move || *held.lock().unwrap() = Some(locking(&locked)))
        .at("waiting es", 6, move || {
            healing.heal();
            drop(freed.lock().unwrap().take());
        })
        .at("failed es", 1, move || drop(freed_too.lock().unwrap().take()));
    let script = Arc::new(script);
    let report = succeeded(run(&pipeline, Arc::<Script>::clone(&script)).unwrap());
    assert_eq!((script.count("source fails"), script.count("failed es")), (1, 0));
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([200, 200, 0, 0], [200, 200, 0, 0]));
    let arrived = |database| server.sql(database, "SELECT count(*), count(DISTINCT id) FROM orders");
    assert_eq!(arrived("es"), arrived("fr"));
}

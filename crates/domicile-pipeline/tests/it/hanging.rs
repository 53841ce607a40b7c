//! Homes that take what they are given and do not answer: nobody else waits for them, whoever reads for whom.

use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domicile_pipeline::{Event, Observer, Pipeline, Report, Silent};
use domicile_testkit::Server;

use crate::fixture::{counts, home, run};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

/// No state of these tests takes longer to come, and nobody who hangs is given up before.
const PATIENCE: Duration = Duration::from_secs(60);

type Act = Box<dyn FnOnce() + Send>;

/// Counts what a run tells of homes, and does something at the first or a later time of it.
#[derive(Default)]
pub(crate) struct Script {
    told: Mutex<HashMap<String, usize>>,
    acts: Mutex<Vec<(&'static str, usize, Act)>>,
}

impl Script {
    pub(crate) fn at(self, what: &'static str, time: usize, act: impl FnOnce() + Send + 'static) -> Self {
        self.acts.lock().unwrap().push((what, time, Box::new(act)));
        self
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.told.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    fn tell(&self, what: String) {
        let time = {
            let mut told = self.told.lock().unwrap();
            let times = told.entry(what.clone()).or_default();
            *times += 1;
            *times
        };
        let due = |(of, at, _): &mut (&str, usize, Act)| (*of, *at) == (&what, time);
        let acts: Vec<_> = self.acts.lock().unwrap().extract_if(.., due).collect();
        acts.into_iter().for_each(|(_, _, act)| act());
    }
}

impl Observer for Script {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::SourceStarted { .. } => self.tell(String::from("started")),
            Event::Committed(commit) => self.tell(format!("delivered {}", commit.home)),
            Event::SourceFails { .. } => self.tell(String::from("source fails")),
            Event::HomeWaits { home, .. } => self.tell(format!("waiting {home}")),
            Event::HomeFailed { home, .. } => self.tell(format!("failed {home}")),
            _ => {}
        }
    }
}

/// A server of its own for the home `fr`, which stands still and goes on.
#[derive(Clone)]
struct Other(Arc<Mutex<Server>>);

impl Other {
    fn start(kind: &Kind) -> Option<Self> {
        let server = (kind.start)()?;
        server.create_database("fr");
        Some(Self(Arc::new(Mutex::new(server))))
    }

    fn pause(&self) -> impl FnOnce() + Send + use<> {
        let server = Arc::clone(&self.0);
        move || server.lock().unwrap().pause()
    }

    fn resume(&self) -> impl FnOnce() + Send + use<> {
        let server = Arc::clone(&self.0);
        move || server.lock().unwrap().resume()
    }

    fn pipeline(&self, world: &World, batch: &str) -> Pipeline {
        let url = |database| world.server.url(database);
        let homes = format!(
            "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = \"FR\", url = \"{}?connect_timeout=1\" }}",
            url("es"),
            self.0.lock().unwrap().url("fr")
        );
        pipeline(world.config(&url("source"), &homes, &url("control"), batch))
    }
}

/// A world in which so many orders of each home have arrived.
fn arrived(kind: &Kind, orders: usize) -> Option<(World, Other)> {
    let (world, other) = (World::new(kind)?.analyser("orders", "", "SELECT id FROM record"), Other::start(kind)?);
    sell(&world, &["ES", "FR"].repeat(orders));
    succeeded(run(&other.pipeline(&world, ""), Arc::new(Silent)).unwrap());
    Some((world, other))
}

fn sell(world: &World, countries: &[&str]) {
    let orders: Vec<_> = countries.iter().map(|country| format!("('{country}')")).collect();
    world.server.sql("source", &format!("INSERT INTO orders (country) VALUES {}", orders.join(", ")));
}

/// A database without anything in it, in place of the one that there is.
fn empty(server: &Server, database: &str) {
    let elsewhere = if server.url("").starts_with("postgres") { "postgres" } else { "mysql" };
    server.sql(elsewhere, &format!("DROP DATABASE {database}"));
    server.create_database(database);
}

/// Runs until something is so while the other server stands still, which then goes on.
fn run_until(pipeline: &Pipeline, script: &Arc<Script>, other: &Other, is_so: impl Fn() -> bool) -> Report {
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(pipeline, Arc::<Script>::clone(script)).unwrap());
        let deadline = Instant::now() + PATIENCE;
        let has_time = || Instant::now() < deadline && !running.is_finished();
        while !is_so() && has_time() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let was_in_time = has_time();
        other.resume()();
        let report = running.join().unwrap();
        assert!(was_in_time, "they wait for the one that hangs: {:?}", script.told.lock().unwrap());
        report
    })
}

fn position(world: &World, home: &str) -> Vec<String> {
    world.rows(home, "SELECT position FROM domicile_position")
}

/// The contract, as tests of each kind of server.
macro_rules! contract {
    ($($test:ident)*) => {
        mod postgres { $(#[test] fn $test() { super::$test(&super::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(&super::MARIADB) })* }
    };
}

contract! {
    a_home_that_hangs_again_while_it_catches_up_holds_up_nobody_else_who_does
    a_home_that_hangs_while_it_catches_up_takes_no_place_of_those_who_are_ahead
    a_home_that_hangs_takes_no_place_of_another_one
}

/// It holds all memory of its reader, and is that one's only home.
fn a_home_that_hangs_again_while_it_catches_up_holds_up_nobody_else_who_does(kind: &Kind) {
    let Some((world, other)) = arrived(kind, 20) else { return };
    empty(&world.server, "es");
    sell(&world, &["FR"; 30]);
    let (hangs_again, is_hanging_again) = channel();
    let pause_again = other.pause();
    let script = Script::default()
        .at("delivered fr", 1, other.pause())
        .at("waiting fr", 1, other.resume())
        .at("delivered fr", 2, move || {
            pause_again();
            hangs_again.send(()).unwrap();
        })
        .at("delivered es", 1, move || {
            tokio::task::block_in_place(|| is_hanging_again.recv_timeout(PATIENCE).unwrap());
        });
    let script = Arc::new(script);
    let batch = "rows = 1\n[delivery]\ncommit_rows = 1\nothers_wait_seconds = 1";
    let ids = "SELECT count(*) FROM orders";
    let report = run_until(&other.pipeline(&world, batch), &script, &other, || {
        script.count("delivered es") > 0 && world.rows("es", ids) == ["20"]
    });
    let report = succeeded(report);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([20, 20, 0, 0], [30, 30, 0, 0]));
    assert_eq!(script.count("waiting fr"), 1, "nobody has waited for it but itself");
}

fn a_home_that_hangs_while_it_catches_up_takes_no_place_of_those_who_are_ahead(kind: &Kind) {
    let Some((world, other)) = arrived(kind, 190) else { return };
    empty(&other.0.lock().unwrap(), "fr");
    sell(&world, &["ES"; 300]);
    let script = Arc::new(Script::default().at("started", 1, other.pause()));
    let batch = "rows = 1\n[delivery]\ncommit_rows = 1\nparallel = 1\nothers_wait_seconds = 600";
    let report = run_until(&other.pipeline(&world, batch), &script, &other, || position(&world, "es") == ["680"]);
    let report = succeeded(report);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([300, 300, 0, 0], [190, 190, 0, 0]));
}

/// All batches have room in memory, and none is waited for: there is but one place where homes are worked on.
fn a_home_that_hangs_takes_no_place_of_another_one(kind: &Kind) {
    let Some((world, other)) = arrived(kind, 20) else { return };
    sell(&world, &["ES", "FR"].repeat(20));
    let script = Arc::new(Script::default().at("delivered fr", 1, other.pause()));
    let batch = "rows = 10\n[delivery]\ncommit_rows = 1\nparallel = 1\nothers_wait_seconds = 1";
    let report = run_until(&other.pipeline(&world, batch), &script, &other, || position(&world, "es") == ["80"]);
    let report = succeeded(report);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([20, 20, 0, 0], [20, 20, 0, 0]));
    assert_eq!(script.count("waiting fr"), 0, "it has not been let go");
}

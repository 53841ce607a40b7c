//! Homes that take what they are given and do not answer: nobody else waits for them, whoever reads for whom.

use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domicile_pipeline::{Event, Observer, Pipeline, QuarantineFilter, Report, Silent, SourceReport, Until};
use domicile_testkit::{Proxy, Server};

use crate::fixture::{counts, home, only, run, runtime};
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
            Event::Committed(commit) => {
                self.tell(format!("delivered {}", commit.home));
                self.tell(format!("delivered {} of {}", commit.home, commit.source));
            }
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
        self.pipeline_of(world, "[\"FR\"]", batch)
    }

    /// The same, where the home has these keys.
    fn pipeline_of(&self, world: &World, keys: &str, batch: &str) -> Pipeline {
        let url = |database| world.server.url(database);
        let homes = format!(
            "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = {keys}, url = \"{}?connect_timeout=1\" }}",
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

pub(crate) fn sell(world: &World, countries: &[&str]) {
    let orders: Vec<_> = countries.iter().map(|country| format!("('{country}')")).collect();
    world.server.sql("source", &format!("INSERT INTO orders (country) VALUES {}", orders.join(", ")));
}

/// A database without anything in it, in place of the one that there is.
pub(crate) fn empty(server: &Server, database: &str) {
    let elsewhere = if server.url("").starts_with("postgres") { "postgres" } else { "mysql" };
    server.sql(elsewhere, &format!("DROP DATABASE {database}"));
    server.create_database(database);
}

/// Goes on when this is dropped, also where a test fails, which would wait for the run otherwise.
struct Paused<'a>(&'a Other);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.resume()();
    }
}

/// Runs until something is so while the other server stands still, which then goes on.
fn run_until(pipeline: &Pipeline, script: &Arc<Script>, other: &Other, is_so: impl Fn() -> bool) -> Report {
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(pipeline, Arc::<Script>::clone(script)).unwrap());
        let paused = Paused(other);
        let deadline = Instant::now() + PATIENCE;
        let has_time = || Instant::now() < deadline && !running.is_finished();
        while !is_so() && has_time() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let was_in_time = has_time();
        drop(paused);
        let report = running.join().unwrap();
        assert!(was_in_time, "they wait for the one that hangs: {:?}", script.told.lock().unwrap());
        report
    })
}

/// Runs while the next run is due already, and the other server goes on afterwards.
fn run_with_next_due(pipeline: &Pipeline, script: &Arc<Script>, other: &Other) -> SourceReport {
    let until = Until::default();
    until.catch_up.cancel();
    let report = runtime().block_on(async {
        let running = pipeline.run_until(Arc::<Script>::clone(script) as Arc<dyn Observer>, &until);
        tokio::time::timeout(PATIENCE, running).await.expect("it waits for the one that hangs").unwrap()
    });
    other.resume()();
    only(report)
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
    homes_that_hang_each_alone_take_no_reader_of_one_that_comes_back
    a_home_that_hangs_while_it_catches_up_does_not_keep_the_next_run_waiting
    a_home_that_fails_while_it_catches_up_with_others_waits_for_none_of_them
    a_home_that_hangs_while_it_is_ahead_does_not_keep_the_next_run_waiting
    a_home_that_is_further_behind_does_not_wait_for_one_that_hangs
    a_home_that_hangs_in_one_source_keeps_no_other_home_from_the_next
    a_home_that_hangs_ends_a_replay_in_time
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

/// As many of them as there are readers for those who are let go, and none of them is given up before the test has ended.
const HANGING: [&str; 4] = ["de", "it", "nl", "pt"];

fn homes_that_hang_each_alone_take_no_reader_of_one_that_comes_back(kind: &Kind) {
    let Some((world, other)) = World::new(kind).zip(Other::start(kind)) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    let proxy = Proxy::to(&world.server);
    let url = |database| world.server.url(database);
    let mut homes = format!("[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}", proxy.url(&world.server, "es"));
    for home in HANGING {
        let server = other.0.lock().unwrap();
        server.create_database(home);
        let (key, url) = (home.to_uppercase(), server.url(home));
        homes += &format!("\n{home} = {{ keys = \"{key}\", url = \"{url}?connect_timeout=600\" }}");
    }
    let batch = "rows = 1\n[delivery]\ncommit_rows = 1\nothers_wait_seconds = 1\nanswer_seconds = 600";
    let pipeline = pipeline(world.config(&url("source"), &homes, &url("control"), batch));
    sell(&world, &["DE", "IT", "NL", "PT", "ES"]);
    succeeded(run(&pipeline, Arc::new(Silent)).unwrap());

    sell(&world, &["DE", "IT", "NL", "PT", "ES"].repeat(20));
    sell(&world, &["ES"; 400]);
    let waiting = Arc::new(Mutex::new(0));
    let mut script = Script::default().at("delivered pt", 1, other.pause());
    let proxy = Arc::new(proxy);
    for home in ["waiting de", "waiting it", "waiting nl", "waiting pt"] {
        let (waiting, proxy) = (Arc::clone(&waiting), Arc::clone(&proxy));
        script = script.at(home, 1, move || {
            let mut waiting = waiting.lock().unwrap();
            *waiting += 1;
            if *waiting == HANGING.len() {
                proxy.cut();
            }
        });
    }
    let script = Arc::new(script);
    let report = run_until(&pipeline, &script, &other, || position(&world, "es") == ["505"]);
    assert!(script.count("waiting es") > 0, "it had to wait for a reader");
    let report = succeeded(report);
    assert_eq!(counts(home(&report, "es")), [420, 420, 0, 0]);
    for hanging in HANGING {
        assert_eq!(counts(home(&report, hanging)), [20, 20, 0, 0]);
    }
}

/// Whoever is waited for for as long as an answer may take is waited for ten minutes.
fn a_home_that_hangs_while_it_catches_up_does_not_keep_the_next_run_waiting(kind: &Kind) {
    let Some((world, other)) = arrived(kind, 20) else { return };
    empty(&other.0.lock().unwrap(), "fr");
    sell(&world, &["ES"; 5]);
    let script = Arc::new(Script::default().at("started", 1, other.pause()));
    let pipeline = other.pipeline(&world, "rows = 1\n[delivery]\nothers_wait_seconds = 1\nanswer_seconds = 600");
    let report = run_with_next_due(&pipeline, &script, &other);
    assert_eq!((counts(home(&report, "es")), script.count("failed fr")), ([5, 5, 0, 0], 1));
    assert!(home(&report, "fr").failure.is_some(), "{report:#?}");
    let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "fr")), [20, 20, 0, 0]);
}

/// Spain, which is reached by this address, and France have lost these orders, and are read for together, because they are
/// equally far behind Italy.
fn both_lost(world: &World, spain: &str, others_wait: u32, orders: &[&str]) -> Pipeline {
    world.server.create_database("it");
    let url = |database| world.server.url(database);
    let homes = format!(
        "[homes]\nes = {{ keys = \"ES\", url = \"{spain}\" }}\nfr = {{ keys = \"FR\", url = \"{}\" }}\n\
         it = {{ keys = \"IT\", url = \"{}\" }}",
        url("fr"),
        url("it")
    );
    let batch = format!("rows = 1\n[delivery]\ncommit_rows = 1\nothers_wait_seconds = {others_wait}");
    let pipeline = pipeline(world.config(&url("source"), &homes, &url("control"), &batch));
    sell(world, orders);
    succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    empty(&world.server, "es");
    empty(&world.server, "fr");
    sell(world, &["IT"]);
    pipeline
}

fn a_home_that_fails_while_it_catches_up_with_others_waits_for_none_of_them(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    let proxy = Arc::new(Proxy::to(&world.server));
    let pipeline = both_lost(&world, &proxy.url(&world.server, "es"), 600, &["ES", "FR"].repeat(20));
    let (has_arrived, arrives) = channel();
    let cutting = Arc::clone(&proxy);
    let script = Script::default()
        .at("delivered es", 1, move || cutting.cut())
        .at("delivered es", 20, move || has_arrived.send(()).unwrap())
        .at("delivered fr", 3, move || {
            tokio::task::block_in_place(|| arrives.recv_timeout(PATIENCE).expect("it waits for the other one"));
        });
    let script = Arc::new(script);
    let report = succeeded(run(&pipeline, Arc::<Script>::clone(&script)).unwrap());
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([20, 20, 0, 0], [20, 20, 0, 0]));
    assert_eq!((script.count("waiting es"), script.count("waiting fr")), (1, 0));
}

/// The home is at one thing for long, but it is the source that does not get on.
#[test]
fn a_home_is_not_let_go_while_the_source_is_waited_for() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    let mut orders = vec!["ES"; 300];
    orders.insert(3, "FR");
    let pipeline = both_lost(&world, &world.server.url("es"), 1, &orders);
    let world = Arc::new(world);
    let locking = Arc::clone(&world);
    let script = Script::default().at("delivered fr", 1, move || {
        let lock = "BEGIN; LOCK TABLE orders; SELECT pg_sleep(4); COMMIT";
        tokio::task::block_in_place(|| drop(locking.server.sql("source", lock)));
    });
    let script = Arc::new(script);
    let report = succeeded(run(&pipeline, Arc::<Script>::clone(&script)).unwrap());
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([300, 300, 0, 0], [1, 1, 0, 0]));
    assert_eq!(script.count("waiting fr"), 0);
}

fn a_home_that_hangs_while_it_is_ahead_does_not_keep_the_next_run_waiting(kind: &Kind) {
    let Some((world, other)) = arrived(kind, 5) else { return };
    sell(&world, &["ES", "FR"].repeat(2));
    let script = Arc::new(Script::default().at("delivered fr", 1, other.pause()));
    let batch = "rows = 1\n[delivery]\ncommit_rows = 1\nothers_wait_seconds = 1\nanswer_seconds = 600";
    let pipeline = other.pipeline(&world, batch);
    let report = run_with_next_due(&pipeline, &script, &other);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([2, 2, 0, 0], [1, 1, 0, 0]));
    assert!(home(&report, "fr").failure.is_some(), "{report:#?}");
    let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "fr")), [1, 1, 0, 0]);
}

fn a_home_that_is_further_behind_does_not_wait_for_one_that_hangs(kind: &Kind) {
    let Some((world, other)) = World::new(kind).zip(Other::start(kind)) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.server.create_database("it");
    let url = |database| world.server.url(database);
    let homes = format!(
        "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = \"FR\", url = \"{}\" }}\n\
         it = {{ keys = \"IT\", url = \"{}\" }}",
        url("es"),
        other.0.lock().unwrap().url("fr"),
        url("it")
    );
    let batch = "rows = 1\n[delivery]\nothers_wait_seconds = 600\nanswer_seconds = 600";
    let pipeline = pipeline(world.config(&url("source"), &homes, &url("control"), batch));
    sell(&world, &["ES", "FR"].repeat(20));
    succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    empty(&world.server, "es");
    let back =
        "DELETE FROM orders WHERE id > 30; DELETE FROM domicile_account; UPDATE domicile_position SET position = '30'";
    other.0.lock().unwrap().sql("fr", back);
    sell(&world, &["IT"]);
    let script = Arc::new(Script::default().at("started", 1, other.pause()));
    let report =
        run_until(&pipeline, &script, &other, || script.count("delivered es") > 0 && position(&world, "es") == ["41"]);
    let report = succeeded(report);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([20, 20, 0, 0], [5, 5, 0, 0]));
}

/// While it is ahead, in the last thing that is left to do, and while it catches up.
fn a_home_that_hangs_in_one_source_keeps_no_other_home_from_the_next(kind: &Kind) {
    let Some((world, other)) = World::new(kind).zip(Other::start(kind)) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record").further("more", "more", "SELECT id FROM record");
    let batch = "rows = 1\n[delivery]\ncommit_rows = 1\nothers_wait_seconds = 1\nanswer_seconds = 600";
    let pipeline = other.pipeline(&world, batch);
    sell(&world, &["ES", "FR"]);
    assert!(!run(&pipeline, Arc::new(Silent)).unwrap().has_failed());
    for (waits, is_ahead) in [("delivered fr of orders", true), ("started", false)] {
        if !is_ahead {
            let back = "DELETE FROM orders WHERE id > 1; DELETE FROM domicile_account WHERE source = 'orders';
                        UPDATE domicile_position SET position = '1' WHERE source = 'orders'";
            other.0.lock().unwrap().sql("fr", back);
        }
        sell(&world, &["ES", "FR", "FR"]);
        let script = Arc::new(Script::default().at(waits, 1, other.pause()));
        let report = run_until(&pipeline, &script, &other, || script.count("delivered es of more") > 0);
        assert!(!report.has_failed(), "{report:#?}");
        let read = |source: usize, name| home(&report.sources[source], name).account.read;
        let of_fr = if is_ahead { 2 } else { 5 };
        assert_eq!([read(0, "es"), read(1, "es"), read(0, "fr"), read(1, "fr")], [1, 1, of_fr, 2]);
    }
}

/// It takes the connection and what it is asked first: a lock is in the way of what it is given.
fn a_home_that_hangs_ends_a_replay_in_time(kind: &Kind) {
    let Some((world, other)) = arrived(kind, 1) else { return };
    sell(&world, &["IT"]);
    succeeded(run(&other.pipeline(&world, ""), Arc::new(Silent)).unwrap());
    let pipeline = other.pipeline_of(&world, "[\"FR\", \"IT\"]", "rows = 10\n[delivery]\nanswer_seconds = 1");
    let replay = || {
        let filter = QuarantineFilter::default();
        runtime().block_on(async { tokio::time::timeout(PATIENCE, pipeline.replay(&filter, None)).await })
    };
    let mut lock = other.0.lock().unwrap().session("fr");
    let is_postgres = world.server.url("").starts_with("postgres");
    let locking = if is_postgres { "BEGIN; LOCK TABLE orders IN SHARE MODE" } else { "LOCK TABLES orders READ" };
    assert!(lock.execute(locking));
    let ended = replay().expect("it waits for the one that hangs").unwrap();
    let failures: Vec<_> = ended.places.iter().filter_map(|place| place.failure.as_deref()).collect();
    assert!(failures.concat().contains("`delivery.answer_seconds`"), "{ended:#?}");
    drop(lock);
    let ended = replay().unwrap().unwrap();
    assert!(!ended.has_failed(), "{ended:#?}");
    let delivered: u64 = ended.places.iter().map(|place| place.delivered + place.known).sum();
    assert_eq!((delivered, ended.waiting()), (1, 0), "{ended:#?}");
    let ids = other.0.lock().unwrap().sql("fr", "SELECT id FROM orders ORDER BY id");
    assert_eq!(ids.split_whitespace().collect::<Vec<_>>(), ["2", "3"]);
}

/// The server has no room left when the home has been asked how far it is.
#[test]
fn a_home_that_fails_after_a_commit_without_an_answer_is_told_as_failed() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = Arc::new(world.analyser("orders", "", "SELECT id FROM record"));
    let proxy = Arc::new(Proxy::to(&world.server));
    let url = |database| world.server.url(database);
    let homes = format!(
        "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = \"FR\", url = \"{}\" }}",
        proxy.url(&world.server, "es"),
        url("fr")
    );
    let batch = "rows = 1\n[delivery]\ncommit_rows = 1";
    let pipeline = pipeline(world.config(&url("source"), &homes, &url("control"), batch));
    sell(&world, &["ES"; 10]);
    let (losing, filling) = (Arc::clone(&proxy), Arc::clone(&world));
    let full = "CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN RAISE EXCEPTION ''no room'' USING ERRCODE = ''53100''; END';
                CREATE TRIGGER is_full BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION is_full()";
    let script = Script::default().at("delivered es", 3, move || losing.lose_reply_to("COMMIT")).at(
        "waiting es",
        1,
        move || drop(filling.server.sql("es", full)),
    );
    let script = Arc::new(script);
    let report = only(run(&pipeline, Arc::<Script>::clone(&script)).unwrap());
    let es = home(&report, "es");
    assert_eq!(
        (counts(es), script.count("delivered es")),
        ([4, 4, 0, 0], 4),
        "the commit without an answer is counted"
    );
    assert!(es.failure.is_some(), "{report:#?}");
}

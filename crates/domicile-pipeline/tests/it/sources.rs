//! Several sources in a run: a home that catches up with one keeps no other home from the next.

use std::sync::{Arc, Mutex};

use domicile_pipeline::{Event, Observer, Report, Silent, Until};
use domicile_testkit::Proxy;

use crate::fixture::{Setup, World, counts, home, run, runtime};
use crate::hanging::{Script, empty, sell};
use crate::servers::{self, POSTGRES};

/// More than a home gets in the time that the others need for one record.
const ORDERS: u64 = 40;

/// The same table once more, under another name.
const MORE: &str = r#"
[[source]]
url = "sqlite:source.sqlite"
name = "more"
table = "orders"
cursor = "id"
key = "country"
[[source.analyser]]
into = "more"
sql = "SELECT id FROM record"
"#;

type Act = Box<dyn Fn() + Send + Sync>;

/// Who commits, by source and home, in that order, and what is done when somebody does it for the first time.
#[derive(Default)]
struct Commits {
    told: Mutex<Vec<String>>,
    first: Option<(&'static str, Act)>,
}

impl Observer for Commits {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Committed(commit) = event {
            let told = format!("{} {}", commit.source, commit.home);
            if let Some((first, act)) = &self.first
                && told == *first
            {
                act();
            }
            self.told.lock().unwrap().push(told);
        }
    }
}

impl Commits {
    /// The number of the first and the last time that somebody commits.
    fn of(&self, who: &str) -> (usize, usize) {
        let told = self.told.lock().unwrap();
        let mut places = told.iter().enumerate().filter(|(_, told)| *told == who).map(|(place, _)| place);
        let first = places.next().unwrap_or_else(|| panic!("{who}: {told:?}"));
        (first, places.next_back().unwrap_or(first))
    }
}

fn setup() -> Setup {
    Setup::new().insert("orders", "SELECT id FROM record").further(MORE).batch_rows(1).commit_rows(1)
}

/// So many orders of Spain, which has lost them all, and one more of France, for each of two sources.
fn lost() -> World {
    let world = World::with_orders(&vec!["'ES', 'Ana', NULL, 1.00"; ORDERS as usize]);
    let setup = Setup::new().insert("orders", "SELECT id FROM record").further(MORE);
    assert!(!run(&world.pipeline(&setup), Arc::new(Silent)).unwrap().has_failed());
    std::fs::remove_file(world.home_path("es")).unwrap();
    world.order(&["'FR', 'Zoé', NULL, 1.00"]);
    world
}

/// Everything is there once, and one more run changes nothing.
fn assert_arrived(world: &World) {
    for table in ["orders", "more"] {
        let ids = format!("SELECT count(*), count(DISTINCT id) FROM {table}");
        assert_eq!(world.rows("es", &ids), [format!("{ORDERS}|{ORDERS}")]);
    }
    let accounts = "SELECT source, sum(read), sum(delivered) FROM domicile_account GROUP BY source ORDER BY source";
    assert_eq!(world.rows("es", accounts), ["more", "orders"].map(|source| format!("{source}|{ORDERS}|{ORDERS}")));
    let report = run(&world.pipeline(&setup()), Arc::new(Silent)).unwrap();
    assert_eq!((report.total().read, report.has_failed()), (0, false));
}

fn run_until(world: &World, until: &Until, observer: Arc<dyn Observer>) -> Report {
    let report = runtime().block_on(world.pipeline(&setup()).run_until(observer, until)).unwrap();
    assert!(!report.has_failed(), "{report:#?}");
    report
}

#[test]
fn a_home_that_catches_up_with_one_source_keeps_no_other_home_from_the_next() {
    let world = lost();
    let commits = Arc::new(Commits::default());
    let report = run_until(&world, &Until::default(), Arc::<Commits>::clone(&commits));
    assert_eq!(report.sources.iter().map(|source| &*source.source).collect::<Vec<_>>(), ["orders", "more"]);
    for source in &report.sources {
        let (es, fr) = (home(source, "es"), home(source, "fr"));
        assert_eq!((counts(es), counts(fr)), ([ORDERS, ORDERS, 0, 0], [1, 1, 0, 0]), "{}", source.source);
        assert!(source.behind().next().is_none(), "{report:#?}");
    }
    let ((_, es_last), (fr_first, _)) = (commits.of("orders es"), commits.of("more fr"));
    assert!(fr_first < es_last, "{:?}", commits.told);
    assert_arrived(&world);
}

/// Two transactions of one home would wait for each other. On a server nothing else keeps them from that.
#[test]
fn a_home_takes_from_one_source_at_a_time_in_their_order() {
    let Some(world) = servers::World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record").further("more", "more", "SELECT id FROM record");
    let url = |database| world.server.url(database);
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", url("{home}"));
    let config = world.config(&url("source"), &homes, &url("control"), "rows = 1\n[delivery]\ncommit_rows = 1");
    let pipeline = servers::pipeline(config);
    sell(&world, &["ES"; ORDERS as usize]);
    assert!(!run(&world.pipeline(), Arc::new(Silent)).unwrap().has_failed());
    empty(&world.server, "es");
    sell(&world, &["FR"]);
    let commits = Arc::new(Commits::default());
    let report = run(&pipeline, Arc::<Commits>::clone(&commits)).unwrap();
    assert!(!report.has_failed(), "{report:#?}");
    let ((_, last), (first, _)) = (commits.of("orders es"), commits.of("more es"));
    assert!(last < first, "{:?}", commits.told);
    assert!(commits.of("orders fr") < commits.of("more fr"), "{:?}", commits.told);
}

#[test]
fn a_home_gets_on_with_each_source_in_each_run_though_the_next_one_is_due() {
    let world = lost();
    let until = Until::default();
    until.catch_up.cancel();
    let (mut read, mut runs) = ([0, 0], 0);
    while read != [ORDERS, ORDERS] {
        let report = run_until(&world, &until, Arc::new(Silent));
        for (source, read) in report.sources.iter().zip(&mut read) {
            let es = home(source, "es");
            assert!(es.account.read > 0 || *read == ORDERS, "{report:#?}");
            *read += es.account.read;
            assert!(es.is_behind || *read == ORDERS, "{report:#?}");
        }
        runs += 1;
    }
    assert!(runs > 1);
    assert_arrived(&world);
}

#[test]
fn a_run_that_is_stopped_waits_for_no_home_that_takes_from_a_source_before() {
    let world = lost();
    let until = Until::default();
    let stop = until.stop.clone();
    // By then the second source is read for France, and Spain has not begun with it.
    let commits = Commits { first: Some(("more fr", Box::new(move || stop.cancel()))), ..Commits::default() };
    let report = run_until(&world, &until, Arc::new(commits));
    assert!(report.is_stopped, "{report:#?}");
    let [orders, more] = &report.sources[..] else { panic!("{report:#?}") };
    assert!((orders.is_stopped, more.is_stopped) == (true, true), "{report:#?}");
    assert!(home(orders, "es").account.read < ORDERS);
    assert_eq!(home(more, "es").account.read, 0);
    let again = run_until(&world, &Until::default(), Arc::new(Silent));
    assert_eq!(home(&again.sources[1], "es").account.read, ORDERS);
    assert_arrived(&world);
}

#[test]
fn a_run_that_is_stopped_before_it_reads_writes_nothing() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00"]);
    let until = Until::default();
    until.stop.cancel();
    let report = run_until(&world, &until, Arc::new(Silent));
    assert!(report.is_stopped && report.sources.is_empty(), "{report:#?}");
    assert!(!world.path("control.sqlite").exists() && !world.home_path("es").exists());
    let report = run_until(&world, &Until::default(), Arc::new(Silent));
    assert_eq!((report.is_stopped, report.total().read), (false, 2));
    assert!(world.path("control.sqlite").exists() && world.home_path("es").exists());
}

/// The first source can be read again only once the second one has been delivered from.
#[test]
fn homes_whose_source_cannot_be_read_go_on_with_the_next() {
    let Some(world) = servers::World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record").further("more", "more", "SELECT id FROM record");
    let proxy = Arc::new(Proxy::to(&world.server));
    let (direct, through) = (world.server.url("source"), proxy.url(&world.server, "source"));
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", world.server.url("{home}"));
    let batch = "rows = 1\n[delivery]\ncommit_rows = 1";
    let config = world.config(&direct, &homes, &world.server.url("control"), batch).replacen(&direct, &through, 1);
    sell(&world, &["ES", "FR"].repeat(ORDERS as usize));
    let (refusing, healing) = (Arc::clone(&proxy), Arc::clone(&proxy));
    let script = Script::default().at("delivered es of orders", 1, move || {
        refusing.refuse();
        refusing.cut();
    });
    let script = Arc::new(script.at("delivered es of more", 1, move || healing.heal()));
    let report = run(&servers::pipeline(config), Arc::<Script>::clone(&script)).unwrap();
    assert!(!report.has_failed() && script.count("source fails") > 0, "{report:#?}");
    for source in &report.sources {
        assert_eq!((home(source, "es").account.read, home(source, "fr").account.read), (ORDERS, ORDERS));
    }
}

/// What is wrong with a home for one source is no matter of the others.
#[test]
fn a_home_that_is_blocked_in_one_source_takes_from_the_next() {
    let world = lost();
    run_until(&world, &Until::default(), Arc::new(Silent));
    world.in_home("es", "ALTER TABLE orders RENAME COLUMN id TO other");
    world.order(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Zoé', NULL, 1.00"]);
    let report = run(&world.pipeline(&setup()), Arc::new(Silent)).unwrap();
    let of_es: Vec<_> = report.sources.iter().map(|source| home(source, "es")).collect();
    assert!(of_es[0].failure.is_some() && of_es[1].failure.is_none(), "{report:#?}");
    assert_eq!((counts(of_es[0]), counts(of_es[1])), ([0; 4], [1, 1, 0, 0]));
    assert!(report.sources.iter().all(|source| counts(home(source, "fr")) == [1, 1, 0, 0]), "{report:#?}");
    world.in_home("es", "ALTER TABLE orders RENAME COLUMN other TO id");
    let report = run_until(&world, &Until::default(), Arc::new(Silent));
    assert_eq!(counts(home(&report.sources[0], "es")), [1, 1, 0, 0]);
}

//! What a run tells while it goes on agrees with its report, and the report with the databases.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use domicile_pipeline::{Account, Event, GuaranteeClass, Observer, Outcome, Position, Records};

use crate::fixture::{Setup, World, counts, home, only, run, runtime};

/// Everything that an observer is told.
#[derive(Default)]
struct Notes {
    started: Mutex<Vec<(String, GuaranteeClass, Position, Position)>>,
    batches: Mutex<Vec<(usize, Position)>>,
    accounts: Mutex<BTreeMap<String, Account>>,
    objects: Mutex<BTreeMap<(String, String), u64>>,
    positions: Mutex<BTreeMap<String, Position>>,
    failed: Mutex<Vec<String>>,
    ended: Mutex<Vec<Account>>,
}

impl Observer for Notes {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::SourceStarted { source, guarantee, after, upto } => {
                let started = (String::from(*source), guarantee.class, Position::clone(after), Position::clone(upto));
                self.started.lock().unwrap().push(started);
            }
            Event::BatchRead(read) => {
                assert!(read.bytes > 0 && !read.is_catching_up, "{read:?}");
                self.batches.lock().unwrap().push((read.records, read.upto.clone()));
            }
            Event::Committed(commit) => {
                let account = commit.account;
                assert_eq!(account.read, account.delivered + account.ignored + account.quarantined);
                assert_eq!(commit.causes.values().sum::<u64>(), account.quarantined);
                *self.accounts.lock().unwrap().entry(commit.home.to_owned()).or_default() += account;
                let mut objects = self.objects.lock().unwrap();
                let tables =
                    commit.objects.iter().map(|made| ((commit.home.to_owned(), made.table.clone()), made.count));
                tables.for_each(|(table, count)| *objects.entry(table).or_default() += count);
                self.positions.lock().unwrap().insert(commit.home.to_owned(), commit.position.clone());
            }
            Event::HomeFailed { home, .. } => self.failed.lock().unwrap().push((*home).to_owned()),
            Event::SourceEnded(report) => self.ended.lock().unwrap().push(report.total()),
            _ => {}
        }
    }
}

fn world() -> World {
    World::with_orders(&[
        "'ES', 'Ana', NULL, 1.00",
        "'FR', 'Luc', NULL, 2.00",
        "'ES', 'test', NULL, 4.00",
        "'XX', 'Bob', NULL, 8.00",
        "'ES', 'Ana', NULL, 16.00",
        "NULL, 'test', NULL, 32.00",
        "'FR', 'Zoé', NULL, 'much'",
    ])
}

fn setup() -> Setup {
    Setup::new()
        .setting("ignore = \"customer = 'test'\"")
        .analyser("customers", "key = \"customer\"", "SELECT customer FROM record")
        .merge("total", "SELECT country, count(*) AS n, sum(amount) AS s FROM record GROUP BY country")
}

#[test]
fn the_observer_the_report_and_the_databases_agree() {
    let world = world();
    let notes = Arc::new(Notes::default());
    let setup = setup().batch_rows(2).commit_rows(1);
    let whole = run(&world.pipeline(&setup), Arc::<Notes>::clone(&notes)).unwrap();
    assert_eq!((whole.has_failed(), whole.quarantined()), (false, 3));
    let report = only(whole);
    assert_eq!(counts(home(&report, "es")), [3, 1, 1, 1]);
    assert_eq!(counts(home(&report, "fr")), [2, 1, 0, 1]);
    assert_eq!(counts(&report.control), [2, 0, 1, 1]);
    let total = report.total();
    assert_eq!(total, Account { read: 7, delivered: 2, ignored: 2, quarantined: 3 });
    assert_eq!(total.read, total.delivered + total.ignored + total.quarantined);

    let started = notes.started.lock().unwrap();
    assert_eq!(*started, [(String::from("orders"), GuaranteeClass::Exact, Position::Start, Position::At(7))]);
    let batches = notes.batches.lock().unwrap();
    assert_eq!(batches.iter().map(|(records, _)| records).sum::<usize>(), 7);
    assert!(batches.is_sorted_by(|(_, left), (_, right)| left <= right), "{batches:?}");
    assert_eq!(batches.last().unwrap().1, Position::At(7));
    let accounts = notes.accounts.lock().unwrap();
    for part in report.homes.iter().chain([&report.control]) {
        assert_eq!(accounts[&part.home], part.account, "{}", part.home);
        assert_eq!(notes.positions.lock().unwrap().get(&part.home), part.position.as_ref(), "{}", part.home);
        for made in &part.objects {
            let told = notes.objects.lock().unwrap()[&(part.home.clone(), made.table.clone())];
            assert_eq!(told, made.count, "{} {}", part.home, made.table);
        }
    }
    assert_eq!(*notes.ended.lock().unwrap(), [total]);
    assert!(notes.failed.lock().unwrap().is_empty());

    let stored = "SELECT sum(read), sum(delivered), sum(ignored), sum(quarantined) FROM domicile_account";
    assert_eq!(world.rows("es", stored), ["3|1|1|1"]);
    assert_eq!(world.rows("fr", stored), ["2|1|0|1"]);
    assert_eq!(world.control(stored), ["2|0|1|1"]);
    for name in ["es", "fr"] {
        let quarantined = home(&report, name).account.quarantined.to_string();
        assert_eq!(world.rows(name, "SELECT count(*) FROM domicile_quarantine"), [quarantined]);
    }
}

#[test]
fn objects_are_counted_by_table_as_committed() {
    let world = world();
    let report = world.run(&setup());
    let objects = |name: &str| {
        let made = home(&report, name).objects.iter().map(|made| format!("{} {}", made.table, made.count));
        made.collect::<Vec<_>>()
    };
    assert_eq!(objects("es")[0], "customers 1");
    assert_eq!(objects("fr"), ["customers 1", "total 1"]);
    assert!(report.control.objects.is_empty());
}

#[test]
fn a_home_that_fails_is_told_once() {
    let world = world();
    std::fs::create_dir(world.home_path("fr")).unwrap();
    let notes = Arc::new(Notes::default());
    let report = run(&world.pipeline(&setup()), Arc::<Notes>::clone(&notes)).unwrap();
    assert!(report.has_failed());
    let report = only(report);
    assert_eq!(report.failed().map(|home| home.home.as_str()).collect::<Vec<_>>(), ["fr"]);
    assert_eq!(*notes.failed.lock().unwrap(), ["fr"]);
    assert!(!notes.accounts.lock().unwrap().contains_key("fr"));
    assert_eq!(report.total().read, 5, "only what others have dealt with");
}

#[test]
fn a_later_run_starts_where_the_last_has_ended() {
    let world = world();
    world.run(&setup());
    world.order(&["'ES', 'Eva', NULL, 1.00"]);
    let notes = Arc::new(Notes::default());
    run(&world.pipeline(&setup()), Arc::<Notes>::clone(&notes)).unwrap();
    let started = notes.started.lock().unwrap();
    assert_eq!((&started[0].2, &started[0].3), (&Position::At(7), &Position::At(8)));
    assert_eq!(*notes.batches.lock().unwrap(), [(1, Position::At(8))]);
}

/// The sizes of the batches that a run reads.
fn batches(world: &World, setup: &Setup) -> Vec<usize> {
    let notes = Arc::new(Notes::default());
    run(&world.pipeline(setup), Arc::<Notes>::clone(&notes)).unwrap();
    notes.batches.lock().unwrap().iter().map(|(records, _)| *records).collect()
}

#[test]
fn batches_are_bounded_by_rows_and_bytes() {
    let order = format!("'ES', '{}', NULL, 1.00", "x".repeat(300));
    let long: Vec<_> = std::iter::repeat_n(order.as_str(), 20).collect();
    assert_eq!(batches(&World::with_orders(&long), &Setup::none()), [20]);
    assert_eq!(batches(&World::with_orders(&long), &Setup::none().batch_rows(8)), [8, 8, 4]);
    assert_eq!(batches(&World::with_orders(&long), &Setup::none().batch_rows(20)), [20]);
    let by_bytes = batches(&World::with_orders(&long), &Setup::none().batch_bytes(1024));
    // Three records of more than 300 bytes are less than 1024 bytes, or just more.
    assert_eq!(by_bytes.iter().sum::<usize>(), 20);
    assert!(by_bytes.iter().all(|records| (1..=4).contains(records)), "{by_bytes:?}");
    assert!(by_bytes.len() >= 5, "{by_bytes:?}");
    let one = format!("'ES', '{}', NULL, 1.00", "x".repeat(3_000));
    assert_eq!(
        batches(&World::with_orders(&[&one, &one]), &Setup::none().batch_bytes(1024)),
        [1, 1],
        "one is always read"
    );
}

#[test]
fn an_explanation_says_what_a_run_does() {
    let world = world();
    let explained =
        runtime().block_on(world.pipeline(&setup()).explain(None, Records::Source { after: None, limit: 10 }));
    let explained = explained.unwrap();
    assert!(!world.home_path("es").exists() && !world.path("control.sqlite").exists(), "nothing is written");
    let outcomes = explained.iter().map(|record| match &record.outcome {
        Outcome::Delivered { home, .. } => home.clone(),
        Outcome::Ignored => String::from("ignored"),
        Outcome::Quarantined { cause, .. } => cause.name().to_owned(),
    });
    let outcomes: Vec<_> = outcomes.collect();
    // That 5 is refused, its home knows only when it is written.
    assert_eq!(outcomes, ["es", "fr", "ignored", "unknown_key", "es", "ignored", "bad_value"]);
}

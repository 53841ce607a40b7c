//! Two runs at once: the second leaves while the first has its lease. Where it has none any more, the one that came later
//! takes over, the other stops, and nothing is delivered twice.

use std::path::PathBuf;
use std::sync::Arc;

use domicile_pipeline::{Error, Observer, Pipeline, Report, Silent, SourceReport};
use tokio_util::sync::CancellationToken;

use crate::fixture::{Setup, World, counts, home, only, open, run, runtime};
use crate::meddler::Meddler;

fn world() -> World {
    let orders = ["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 2.00"];
    let orders: Vec<_> = orders.into_iter().cycle().take(12).collect();
    World::with_orders(&orders)
}

/// Many batches, each a transaction.
fn copying() -> Setup {
    let setup = Setup::new().insert("orders", "SELECT id FROM record");
    let setup = setup.merge("total", "SELECT country, count(*) AS n, sum(amount) AS s FROM record GROUP BY country");
    setup.batch_rows(2).commit_rows(1)
}

fn meddled(world: &World, setup: &Setup, observer: Arc<dyn Observer>) -> SourceReport {
    only(run(&world.pipeline(setup), observer).unwrap())
}

fn is_overtaken(report: &SourceReport, name: &str) -> bool {
    home(report, name).failure.as_deref().is_some_and(|failure| failure.contains("another run"))
}

/// Every order of a home is there once, and its aggregates and accounting say the same.
fn assert_exactly_once(world: &World) {
    for (name, ids, total) in [("es", "1 3 5 7 9 11", "ES|6|6"), ("fr", "2 4 6 8 10 12", "FR|6|12")] {
        assert_eq!(world.rows(name, "SELECT id FROM orders ORDER BY id").join(" "), ids);
        assert_eq!(world.rows(name, "SELECT country, n, s FROM total"), [total]);
        assert_eq!(world.rows(name, "SELECT sum(read), sum(delivered) FROM domicile_account"), ["6|6"]);
        assert_eq!(world.rows(name, "SELECT position FROM domicile_position"), ["12"]);
    }
}

fn sql(path: PathBuf, sql: &'static str) -> impl Fn() + Send + Sync {
    move || open(&path).execute_batch(sql).unwrap()
}

#[test]
fn without_another_run_nothing_stops() {
    let world = world();
    let report = meddled(&world, &copying(), Meddler::new(Some("es"), || {}));
    assert!(report.failed().next().is_none(), "{report:#?}");
    assert_exactly_once(&world);
}

#[test]
fn another_epoch_stops_the_run_in_that_home() {
    let world = world();
    let moved = sql(world.home_path("es"), "UPDATE domicile_position SET epoch = epoch + 1");
    let report = meddled(&world, &copying(), Meddler::new(Some("es"), moved));
    assert!(is_overtaken(&report, "es"), "{report:#?}");
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0]);
    assert_eq!(counts(home(&report, "fr")), [6, 6, 0, 0], "the others go on");
    assert_eq!(world.rows("es", "SELECT id FROM orders"), ["1"], "what was not committed is not there");
    world.run(&copying());
    assert_exactly_once(&world);
}

#[test]
fn another_position_stops_the_run_in_that_home() {
    let world = world();
    let moved = sql(world.home_path("es"), "UPDATE domicile_position SET position = 4");
    let report = meddled(&world, &copying(), Meddler::new(Some("es"), moved));
    assert!(is_overtaken(&report, "es"), "{report:#?}");
    assert_eq!(world.rows("es", "SELECT id FROM orders"), ["1"]);
}

#[test]
fn a_position_that_moved_before_the_first_write_stops_the_run() {
    let world = world();
    world.run(&copying());
    world.order(&["'ES', 'Ana', NULL, 1.00"]);
    let moved = sql(world.home_path("es"), "UPDATE domicile_position SET position = 13");
    let report = meddled(&world, &copying(), Meddler::new(None, moved));
    let expected = "another run has moved the position from 12 to 13";
    assert_eq!(home(&report, "es").failure.as_deref(), Some(expected));
    assert_eq!(world.rows("es", "SELECT count(*) FROM orders"), ["6"]);
}

fn in_another_thread(pipeline: Arc<Pipeline>) -> Result<Report, Error> {
    std::thread::spawn(move || run(&pipeline, Arc::new(Silent))).join().unwrap()
}

/// A whole run after the lease of the one that is under way has come to its end.
fn taking_over(world: &World, setup: &Setup) -> impl Fn() + Send + Sync + use<> {
    let (pipeline, control) = (Arc::new(world.pipeline(setup)), world.path("control.sqlite"));
    move || {
        open(&control).execute_batch("UPDATE domicile_lease SET held_until = '2020-01-01'").unwrap();
        let report = only(in_another_thread(Arc::clone(&pipeline)).unwrap());
        assert!(home(&report, "es").failure.is_none(), "{report:#?}");
    }
}

#[test]
fn a_run_that_finds_another_under_way_leaves_and_touches_nothing() {
    let world = world();
    let second = Arc::new(world.pipeline(&copying()));
    let observer = Meddler::new(Some("es"), move || {
        let error = in_another_thread(Arc::clone(&second)).unwrap_err();
        assert!(error.is_under_way(), "{error}");
        let (told, pid) = (error.to_string(), format!("process {} on ", std::process::id()));
        assert!(told.contains(&pid) && told.contains(" has the lease of the source orders; it ends in "), "{told}");
    });
    let report = meddled(&world, &copying(), observer);
    assert!(report.failed().next().is_none(), "{report:#?}");
    assert_exactly_once(&world);
    let leases = world.control("SELECT source, number, holder, held_until FROM domicile_lease");
    assert_eq!(leases, ["orders|1|NULL|NULL"], "only the first has had it, and it was given back");
}

#[test]
fn a_run_goes_on_where_the_one_before_has_ended() {
    let world = world();
    world.run(&copying());
    world.order(&["'ES', 'Ana', NULL, 1.00"]);
    world.run(&copying());
    assert_eq!(world.control("SELECT source, number, holder FROM domicile_lease"), ["orders|2|NULL"]);
}

#[test]
fn a_run_in_which_homes_fail_gives_its_lease_back() {
    let world = world();
    std::fs::create_dir(world.home_path("fr")).unwrap();
    assert!(home(&world.try_run(&copying()), "fr").failure.is_some());
    assert_eq!(world.control("SELECT source, number, holder FROM domicile_lease"), ["orders|1|NULL"]);
}

#[test]
fn a_run_that_is_given_up_stands_in_nobodys_way() {
    let world = world();
    let (pipeline, stop) = (world.pipeline(&copying()), CancellationToken::new());
    let given_up = stop.clone();
    let observer = Meddler::new(Some("es"), move || given_up.cancel());
    // Its tasks may go on, and have no lease any more.
    let runtime = runtime();
    assert!(runtime.block_on(stop.run_until_cancelled(pipeline.run(observer))).is_none(), "it came to its end first");
    world.run(&copying());
    assert_exactly_once(&world);
}

#[test]
fn a_whole_run_in_the_middle_of_another_whose_lease_has_ended_takes_over() {
    let world = world();
    let observer = Meddler::new(Some("es"), taking_over(&world, &copying()));
    let report = meddled(&world, &copying(), observer);
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0], "the first run stops in that home");
    world.run(&copying());
    assert_exactly_once(&world);
    let failure = home(&report, "es").failure.as_deref().unwrap();
    assert!(failure.contains("another run"), "it is not said that another run is at it: {failure}");
}

#[test]
fn a_whole_run_before_the_first_write_takes_over() {
    let world = world();
    let report = meddled(&world, &copying(), Meddler::new(None, taking_over(&world, &copying())));
    assert!(is_overtaken(&report, "es") && is_overtaken(&report, "fr"), "{report:#?}");
    assert_eq!(report.total().delivered, 0);
    assert_exactly_once(&world);
}

#[test]
fn homes_that_are_opened_briefly_are_fenced_too() {
    let world = world();
    let setup = copying().delivery("open_homes = 1").delivery("parallel = 1");
    let report = meddled(&world, &setup, Meddler::new(Some("fr"), taking_over(&world, &copying())));
    assert!(is_overtaken(&report, "fr"), "{report:#?}");
    world.run(&copying());
    assert_exactly_once(&world);
}

#[test]
fn of_runs_at_the_same_time_those_that_come_too_late_leave() {
    let world = world();
    let start = |_| {
        let pipeline = Arc::new(world.pipeline(&copying()));
        std::thread::spawn(move || run(&pipeline, Arc::new(Silent)))
    };
    let threads: Vec<_> = (0..3).map(start).collect();
    let ended = threads.into_iter().map(|thread| thread.join().unwrap());
    let delivered = ended.filter_map(|ended| match ended {
        Ok(report) => Some(only(report)),
        Err(error) if error.is_under_way() => None,
        Err(error) => panic!("{error}"),
    });
    let delivered: Vec<_> = delivered.collect();
    assert!(delivered.iter().all(|report| report.failed().next().is_none()), "{delivered:#?}");
    assert_eq!(delivered.iter().map(|report| report.total().delivered).sum::<u64>(), 12);
    assert_exactly_once(&world);
}

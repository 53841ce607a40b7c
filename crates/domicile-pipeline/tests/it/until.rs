//! Runs whose next one is due: homes that catch up do not keep the others from it.

use std::sync::Arc;

use domicile_pipeline::{Pipeline, Silent, SourceReport, Until};

use crate::fixture::{Setup, World, counts, home, only, run, runtime};

/// More than a home gets in the time that the others need for one record.
const ORDERS: u64 = 60;

/// So many orders of Spain, which has lost them all, and one more of France.
fn lost(setup: &Setup) -> World {
    let orders = vec!["'ES', 'Ana', NULL, 1.00"; ORDERS as usize];
    let world = World::with_orders(&orders);
    assert!(!run(&world.pipeline(setup), Arc::new(Silent)).unwrap().has_failed());
    std::fs::remove_file(world.home_path("es")).unwrap();
    world.order(&["'FR', 'Zoé', NULL, 1.00"]);
    world
}

fn setup() -> Setup {
    Setup::new().insert("orders", "SELECT id FROM record").batch_rows(1).commit_rows(1)
}

fn run_until(pipeline: &Pipeline, until: &Until) -> SourceReport {
    let report = runtime().block_on(pipeline.run_until(Arc::new(Silent), until)).unwrap();
    assert!(!report.has_failed() && !report.is_stopped, "{report:#?}");
    only(report)
}

/// Runs until nobody is behind. How many runs it took.
fn runs(world: &World, setup: &Setup, until: &Until) -> u64 {
    let mut read = 0;
    // One that gets on by one record each time needs one more run, for what is the other home's.
    for runs in 1..=ORDERS + 1 {
        let report = run_until(&world.pipeline(setup), until);
        let (es, fr) = (home(&report, "es"), home(&report, "fr"));
        let new = u64::from(runs == 1);
        assert_eq!((counts(fr), fr.is_behind), ([new, new, 0, 0], false));
        // Behind its last record there is one of the other home's.
        assert!(es.account.read > 0 || read == ORDERS, "it gets on in each run");
        read += es.account.read;
        assert!(es.is_behind || read == ORDERS, "{report:#?}");
        if !es.is_behind {
            return runs;
        }
    }
    panic!("it never catches up")
}

fn assert_arrived(world: &World, setup: &Setup) {
    let ids = "SELECT count(*), count(DISTINCT id) FROM orders";
    assert_eq!(world.rows("es", ids), [format!("{ORDERS}|{ORDERS}")]);
    let accounts = "SELECT sum(read), sum(delivered) FROM domicile_account";
    assert_eq!(world.rows("es", accounts), [format!("{ORDERS}|{ORDERS}")]);
    let report = only(run(&world.pipeline(setup), Arc::new(Silent)).unwrap());
    assert_eq!(report.total().read, 0, "one more run changes nothing");
}

#[test]
fn a_home_that_is_behind_when_the_next_run_is_due_goes_on_in_that() {
    let world = lost(&setup());
    let until = Until::default();
    until.catch_up.cancel();
    assert!(runs(&world, &setup(), &until) > 1);
    assert_arrived(&world, &setup());
}

#[test]
fn a_home_that_has_no_more_seconds_to_catch_up_goes_on_in_the_next_run() {
    let setup = setup().delivery("catch_up_seconds = 0.0");
    let world = lost(&setup);
    assert!(runs(&world, &setup, &Until::default()) > 1);
    assert_arrived(&world, &setup);
}

#[test]
fn a_home_catches_up_for_as_long_as_it_takes_where_no_run_is_due() {
    let world = lost(&setup());
    assert_eq!(runs(&world, &setup(), &Until::default()), 1);
    assert_arrived(&world, &setup());
}

/// What is merged of many records is refused for one of them, which is only found once they are merged one by one.
#[test]
fn a_record_that_is_at_fault_is_found_though_no_time_is_left() {
    let setup = Setup::new()
        .insert("orders", "SELECT id FROM record")
        .merge("sums", "SELECT country, sum(amount) AS total FROM record GROUP BY country")
        .batch_rows(1)
        .delivery("catch_up_seconds = 0.0");
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00"; 3]);
    world.run(&setup);
    world.in_home(
        "es",
        "CREATE TRIGGER enough BEFORE UPDATE ON sums WHEN NEW.total > 50 BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    world.order(&["'ES', 'Ana', NULL, 1.00", "'ES', 'Bea', NULL, 99.00", "'ES', 'Eva', NULL, 2.00"]);
    let mut quarantined = 0;
    for _ in 0..4 {
        let report = run_until(&world.pipeline(&setup), &Until::default());
        quarantined += home(&report, "es").account.quarantined;
    }
    assert_eq!((quarantined, world.rows("es", "SELECT total FROM sums")), (1, vec![String::from("6")]));
}

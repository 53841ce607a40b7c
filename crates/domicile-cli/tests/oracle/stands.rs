//! Runs that stand still at a chosen step, by SIGSTOP, while others go on.

use std::time::{Duration, Instant};

use domicile_pipeline::fault::Point;
use domicile_testkit::Proxy;

use crate::database::{Database, Kind};
use crate::process::{Process, wait_until};
use crate::world::{SMALL, World};

/// A server undoes after ten seconds what it hears nothing of where others wait for it. This is far more.
const BOUND: Duration = Duration::from_secs(45);

/// As long a lease as no test takes.
const LONG: &str = "[batch]\nrows = 8\n[delivery]\ncommit_rows = 4\nlease_seconds = 3600\n";

const ALL: &[&str] = &["es", "fr", "de"];

/// Stands still at a point, at the time of this number that it gets there.
fn stands_at(point: Point, time: usize) -> String {
    format!("{}={}*off->1*return(stop)", point.name(), time - 1)
}

/// Starts a run, and waits until it stands still at a point.
fn standing(world: &World, point: Point, time: usize) -> Process {
    let mut run = world.start(&["run"], &stands_at(point, time));
    run.await_stop();
    run
}

macro_rules! on_servers {
    ($($test:ident),* $(,)?) => {
        mod postgres {
            $(#[test] fn $test() { super::$test(crate::database::Kind::Postgres) })*
        }
        mod mariadb {
            $(#[test] fn $test() { super::$test(crate::database::Kind::MariaDb) })*
        }
    };
}

on_servers!(
    a_run_that_was_overtaken_before_it_looked_at_homes_leaves,
    a_run_that_stands_still_with_the_lock_of_the_control_database_keeps_others_out_for_a_bounded_time,
    a_run_that_stands_still_before_its_commit_for_longer_than_its_lease_commits_nothing,
    nor_does_it_where_nobody_took_over,
    a_run_killed_between_a_commit_and_its_reply_is_made_good_by_the_next,
    a_run_that_was_overtaken_is_fenced_out,
    without_the_fence_it_delivers_twice,
    a_connection_cut_while_a_source_is_opened_is_no_wrong_setting,
);

mod sqlite {
    #[test]
    fn a_run_that_was_overtaken_before_it_looked_at_homes_leaves() {
        super::a_run_that_was_overtaken_before_it_looked_at_homes_leaves(crate::database::Kind::Sqlite);
    }

    #[test]
    fn nor_does_it_where_nobody_took_over() {
        super::nor_does_it_where_nobody_took_over(crate::database::Kind::Sqlite);
    }

    #[test]
    fn a_run_that_was_overtaken_is_fenced_out() {
        super::a_run_that_was_overtaken_is_fenced_out(crate::database::Kind::Sqlite);
    }

    #[test]
    fn without_the_fence_it_delivers_twice() {
        super::without_the_fence_it_delivers_twice(crate::database::Kind::Sqlite);
    }
}

/// What it finds in homes is another run's doing, and no wrong setting.
fn a_run_that_was_overtaken_before_it_looked_at_homes_leaves(kind: Kind) {
    let server = kind.start();
    if !kind.is_there(server.as_ref()) {
        return;
    }
    let mut world = World::of_one_kind((kind, server.as_ref()), "looked", ALL, SMALL, None);
    world.sell_to_one_home(20);
    let first = standing(&world, Point::ControlRead, 1);
    world.run();
    first.signal("CONT");
    first.end().exits_with(&[4]).complains("another run was under way since this one looked");
    world.assert_at_rest("after the first went on");
}

fn a_run_that_stands_still_with_the_lock_of_the_control_database_keeps_others_out_for_a_bounded_time(kind: Kind) {
    let Some(server) = kind.start() else { return };
    let mut world = World::of_one_kind((kind, Some(&server)), "lock", ALL, SMALL, None);
    world.sell_to_one_home(20);
    let first = standing(&world, Point::BeforeLeaseTaken, 1);
    let begin = Instant::now();
    world.run();
    let waited = begin.elapsed();
    assert!(waited > Duration::from_secs(5), "the first run holds no lock: {waited:?}");
    assert!(waited < BOUND, "it was kept out for {waited:?}");
    world.assert_exactly_once("while the first stands still");
    first.signal("CONT");
    first.end().exits_with(&[1, 4]);
    world.assert_at_rest("after the first went on");
}

fn lease_has_ended(control: &Database) -> bool {
    let past = control.kind().past();
    control.rows(&format!("SELECT count(*) FROM domicile_lease WHERE held_until > {past}")) == ["0"]
}

fn a_run_that_stands_still_before_its_commit_for_longer_than_its_lease_commits_nothing(kind: Kind) {
    let Some(server) = kind.start() else { return };
    let mut world = World::of_one_kind((kind, Some(&server)), "commit", ALL, SMALL, None);
    world.sell_to_one_home(40);
    let first = standing(&world, Point::BeforeCommit, 3);
    wait_until("the end of the lease", || lease_has_ended(&world.control));
    world.run();
    world.assert_exactly_once("while the first stands still");
    first.signal("CONT");
    first.end().exits_with(&[1]).complains("held up for longer than its lease of 3 s");
    world.assert_at_rest("after the first went on");
}

/// How far each database has got.
fn positions(world: &World) -> Vec<Vec<String>> {
    let databases = world.homes.iter().map(|(_, home)| home).chain([&world.control]);
    let with_position = databases.filter(|database| database.has("domicile_position"));
    with_position.map(|database| database.rows("SELECT position FROM domicile_position")).collect()
}

fn nor_does_it_where_nobody_took_over(kind: Kind) {
    let server = kind.start();
    if !kind.is_there(server.as_ref()) {
        return;
    }
    let mut world = World::of_one_kind((kind, server.as_ref()), "nobody", &["es"], SMALL, None);
    world.sell_to_one_home(40);
    let first = standing(&world, Point::BeforeCommit, 2);
    wait_until("the end of the lease", || lease_has_ended(&world.control));
    first.signal("CONT");
    first.end().exits_with(&[1]).complains("held up for longer than its lease of 3 s");
    let (_, home) = &world.homes[0];
    assert_eq!(home.rows("SELECT count(*) FROM domicile_account"), ["1"], "it has committed more than before");
    world.run();
    world.assert_at_rest("after the next run");
}

/// The server has executed COMMIT, and its reply does not arrive.
fn a_run_killed_between_a_commit_and_its_reply_is_made_good_by_the_next(kind: Kind) {
    let Some(server) = kind.start() else { return };
    let proxy = Proxy::to(&server.borrow());
    for time in [1, 3, 6] {
        let name = format!("reply_{time}");
        let mut world = World::of_one_kind((kind, Some(&server)), &name, ALL, SMALL, Some(&proxy));
        world.sell_to_one_home(60);
        let run = standing(&world, Point::BeforeCommit, time);
        let before = positions(&world);
        proxy.swallow_replies();
        run.signal("CONT");
        wait_until("the commit", || positions(&world) != before);
        run.signal("KILL");
        assert_eq!(run.end().code(), None, "it ended by itself");
        proxy.heal();
        world.run();
        world.assert_at_rest(&name);
    }
}

/// A run that was overtaken and knows nothing of it: its own lease is long, and it has committed twice and has no transaction
/// open. Only the fence in the home is left.
fn overtaken(kind: Kind, undo_fence: bool) -> Option<(World, Process)> {
    let server = kind.start();
    if !kind.is_there(server.as_ref()) {
        return None;
    }
    let name = if undo_fence { "undone" } else { "fenced" };
    let mut world = World::of_one_kind((kind, server.as_ref()), name, &["es"], LONG, None);
    world.sell_to_one_home(60);
    let first = standing(&world, Point::Told, 2);
    let (_, home) = &world.homes[0];
    let known = home.rows("SELECT epoch, position FROM domicile_position");
    world.control.execute(&format!("UPDATE domicile_lease SET held_until = {}", kind.past()));
    world.run();
    world.assert_exactly_once("while the first stands still");
    if undo_fence {
        let (epoch, position) = known[0].split_once('\t').expect("two columns");
        home.execute(&format!("UPDATE domicile_position SET epoch = {epoch}, position = '{position}'"));
    }
    first.signal("CONT");
    Some((world, first))
}

fn a_run_that_was_overtaken_is_fenced_out(kind: Kind) {
    let Some((world, first)) = overtaken(kind, false) else { return };
    first.end().exits_with(&[1]).complains("another run has moved on from position");
    world.assert_at_rest("after the first went on");
}

fn without_the_fence_it_delivers_twice(kind: Kind) {
    let Some((world, first)) = overtaken(kind, true) else { return };
    first.end();
    let differences = world.differences(&world.model());
    assert!(differences.iter().any(|difference| difference.starts_with("es.orders: not expected")), "{differences:?}");
}

fn a_connection_cut_while_a_source_is_opened_is_no_wrong_setting(kind: Kind) {
    let Some(server) = kind.start() else { return };
    let proxy = Proxy::to(&server.borrow());
    let mut world = World::of_one_kind((kind, Some(&server)), "opened", ALL, SMALL, Some(&proxy));
    world.sell_to_one_home(1);
    proxy.lose_reply_to("SELECT * FROM ");
    world.domicile(&["run"]).exits_with(&[1]).complains("cannot be opened");
    assert_eq!(proxy.cuts(), 1);
    world.run();
    world.assert_at_rest("once nothing is cut");
}

//! A process that is killed at every step that it takes, on each kind of database: the next one makes all good.

use domicile_pipeline::fault::Point;
use domicile_testkit::SplitMix64;

use crate::database::{Kind, SharedServer};
use crate::model::Quarantine;
use crate::world::{SMALL, World};

/// In which command a point is reached, and at which of the times that it gets there the process is killed.
enum Reached {
    InARun(&'static [usize]),
    /// In a run that takes longer than a third of its lease.
    InALongRun,
    /// While what is in quarantine is replayed.
    InAReplay(&'static [usize]),
    WhileDropping(&'static [usize]),
}

fn reached(point: Point) -> Reached {
    match point {
        Point::ControlRead
        | Point::BeforeLeaseTaken
        | Point::LeaseTaken
        | Point::BeforeLeaseReleased
        | Point::LeaseReleased => Reached::InARun(&[1]),
        // Once in a run for each of four databases.
        Point::TablesMade => Reached::InARun(&[1, 4]),
        Point::BeforeRead
        | Point::AfterRead
        | Point::Located
        | Point::Begun
        | Point::Staged
        | Point::Quarantined
        | Point::Merged
        | Point::PositionWritten
        | Point::Accounted
        | Point::BeforeCommit
        | Point::Committed
        | Point::Told => Reached::InARun(&[1, 5]),
        Point::BeforeLeaseRenewed | Point::LeaseRenewed => Reached::InALongRun,
        Point::ReplayBegun
        | Point::ReplayWritten
        | Point::ReplayCommitted
        | Point::HomeNoted
        | Point::TakeOverBegun
        | Point::TakeOverWritten
        | Point::TakenOver
        | Point::BeforeMoveTold
        | Point::MoveTold => Reached::InAReplay(&[1]),
        // Once for each of the two databases that have something in quarantine.
        Point::BeforeDropped | Point::Dropped => Reached::WhileDropping(&[1, 2]),
    }
}

/// Dies at a point, at the time of this number that it gets there.
pub(crate) fn dies_at(point: Point, time: usize) -> String {
    format!("{}={}*off->return(kill)", point.name(), time - 1)
}

fn world(kind: Kind, server: Option<&SharedServer>, name: &str) -> World {
    World::of_one_kind((kind, server), name, &["es", "fr", "de"], SMALL, None)
}

pub(crate) const REPLAY: &[&str] = &["quarantine", "replay"];
pub(crate) const DROP: &[&str] = &["quarantine", "drop", "--all", "--reason", "a test"];

/// Kills runs at a point, each time with records that are new.
fn kill_runs(world: &mut World, random: &mut SplitMix64, faults: &[String], point: Point) {
    for faults in faults {
        world.sell(random);
        world.start(&["run"], faults).end().died_at(point.name());
        world.run();
        world.assert_exactly_once(faults);
    }
}

/// Kills a command that works on what is in quarantine, and has it done over.
fn kill_on_quarantine(world: &mut World, arguments: &[&str], becomes: Quarantine, (point, time): (Point, usize)) {
    world.start(arguments, &dies_at(point, time)).end().died_at(point.name());
    world.domicile(arguments).exits_with(&[0, 3]);
    world.quarantine = becomes;
    world.assert_exactly_once(&dies_at(point, time));
    world.domicile(arguments).exits_with(&[0, 3]);
}

/// The homes take what they refused, and one of them takes Brazil.
pub(crate) fn mend(world: &World) {
    let refusing = &world.homes[0].1;
    refusing.execute(refusing.kind().mend());
    world.configure("keys = ['FR']", "keys = ['FR', 'BR']");
}

fn killed_at(point: Point, kind: Kind, server: Option<&SharedServer>) {
    let mut random = SplitMix64::seeded(point as u64);
    let name = |time: usize| format!("{}_{time}", point.name().replace('-', "_"));
    match reached(point) {
        Reached::InARun(times) => {
            let mut world = world(kind, server, &name(0));
            let faults: Vec<_> = times.iter().map(|time| dies_at(point, *time)).collect();
            kill_runs(&mut world, &mut random, &faults, point);
            world.assert_at_rest(point.name());
        }
        Reached::InALongRun => {
            let mut world = world(kind, server, &name(0));
            let faults = format!("told=1*sleep(1500);{}", dies_at(point, 1));
            kill_runs(&mut world, &mut random, &[faults], point);
            world.assert_at_rest(point.name());
        }
        Reached::InAReplay(times) | Reached::WhileDropping(times) => {
            let is_replay = matches!(reached(point), Reached::InAReplay(_));
            for time in times {
                let mut world = world(kind, server, &name(*time));
                world.sell(&mut random);
                world.run();
                world.assert_exactly_once("before anything is killed");
                if is_replay {
                    mend(&world);
                    kill_on_quarantine(&mut world, REPLAY, Quarantine::Replayed, (point, *time));
                } else {
                    kill_on_quarantine(&mut world, DROP, Quarantine::Dropped, (point, *time));
                }
                world.assert_at_rest(point.name());
            }
        }
    }
}

/// Tests for each kind of database.
macro_rules! for_each_kind {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $test() { super::$test(crate::database::Kind::Sqlite) })*
        }
        mod postgres {
            $(#[test] fn $test() { super::$test(crate::database::Kind::Postgres) })*
        }
        mod mariadb {
            $(#[test] fn $test() { super::$test(crate::database::Kind::MariaDb) })*
        }
    };
}

for_each_kind!(a_process_killed_at_any_step_is_made_good_by_the_next, a_position_that_is_put_back_is_found,);

fn a_process_killed_at_any_step_is_made_good_by_the_next(kind: Kind) {
    let server = kind.start();
    if !kind.is_there(server.as_ref()) {
        return;
    }
    for point in Point::ALL {
        eprintln!("{}", point.name());
        killed_at(*point, kind, server.as_ref());
    }
}

/// What shows that the comparison would find a run that delivers twice.
fn a_position_that_is_put_back_is_found(kind: Kind) {
    let server = kind.start();
    if !kind.is_there(server.as_ref()) {
        return;
    }
    let (mut world, mut random) = (world(kind, server.as_ref(), "back"), SplitMix64::seeded(1));
    world.sell(&mut random);
    assert!(world.model().causes().len() >= 3, "too little is in quarantine");
    world.start(&["run"], &dies_at(Point::Committed, 6)).end().died_at("committed");
    let (_, home) = &world.homes[1];
    assert_ne!(home.rows("SELECT position FROM domicile_position"), ["NULL"], "it has committed nothing yet");
    home.execute("UPDATE domicile_position SET position = NULL");
    world.run();
    let differences = world.differences(&world.model());
    assert!(differences.iter().any(|difference| difference.starts_with("fr.orders: not expected")), "{differences:?}");
    assert!(differences.iter().any(|difference| difference.starts_with("fr.daily: not expected")), "{differences:?}");
    assert!(differences.iter().all(|difference| difference.starts_with("fr.")), "{differences:?}");
}

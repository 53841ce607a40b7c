//! What became of one record is told as it is, whatever became of it: one contract, which holds for each kind of database.

use std::fs;

use domicile_pipeline::{Outcome, PassageState, Position, QuarantineFilter, Resolution, RowState, Trace, Verdict};

use crate::fixture::runtime;
use crate::quarantine::{Databases, World};

contract! {
    what_was_delivered_is_told_with_the_commit_that_has_passed_it
    what_waits_in_quarantine_is_told_until_it_is_replayed_or_dropped
    what_its_home_has_not_reached_is_told_with_why
    what_nobody_has_seen_or_can_tell_is_unknown
    what_comes_late_within_the_overlap_is_not_taken_for_delivered
    several_records_of_one_cursor_are_told_together
    the_rows_of_a_record_are_looked_for_in_all_homes
}

/// The table of homes that are not well, in words that each database knows.
const STATE: &str =
    "source varchar(99), home varchar(99), state varchar(99), why varchar(99), since bigint, seen_at bigint";

impl World {
    fn trace(&self, key: &str) -> Trace {
        runtime().block_on(self.pipeline().trace(None, key)).unwrap()
    }

    fn verdict(&self, key: &str) -> Verdict {
        self.trace(key).verdict
    }
}

fn passage(trace: &Trace) -> &domicile_pipeline::Passage {
    let [record] = &trace.records[..] else { panic!("{trace:#?}") };
    &record.passage
}

/// Takes the database of a home away.
fn take_away(world: &World, home: &str) {
    match &world.databases {
        Databases::Files(folder) => {
            fs::remove_file(folder.path().join(home)).unwrap();
            fs::create_dir(folder.path().join(home)).unwrap();
        }
        Databases::Server(server) => {
            let force = if server.url("source").starts_with("postgres") { " WITH (FORCE)" } else { "" };
            server.sql("control", &format!("DROP DATABASE {home}{force}"));
        }
    }
}

fn what_was_delivered_is_told_with_the_commit_that_has_passed_it(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    world.settings = String::from("ignore = \"customer = 'test'\"");
    world.order(&["'ES', 'Ana', 10.00", "'FR', 'Luc', 20.00", "'ES', 'Eva', 30.00"]);
    world.run();
    world.order(&["'ES', 'Secret', 40.00", "'ES', 'test', 50.00", "'FR', 'Zoé', 60.00"]);
    world.run();
    let trace = world.trace("4");
    assert_eq!((trace.verdict, trace.is_settled(), trace.quarantine.len()), (Verdict::Delivered, true, 0));
    let Outcome::Delivered { home, reason } = &trace.records[0].outcome else { panic!("{trace:#?}") };
    assert_eq!((home.as_str(), trace.records[0].read_for.as_deref()), ("es", Some("es")));
    assert!(reason.contains("RoutingKey(ES)"), "{reason}");
    let batch = passage(&trace).batch.clone().unwrap();
    assert_eq!((batch.after, batch.upto), (Position::At(3), Position::At(6)));
    let account = batch.account;
    assert_eq!([account.read, account.delivered, account.ignored, account.quarantined], [2, 1, 1, 0]);
    assert!(batch.committed_at.starts_with("20") && passage(&trace).why.is_none());
    assert!(!format!("{trace:?}").contains("Secret"), "what a record holds is not told");

    let first = passage(&world.trace("3")).batch.clone().unwrap();
    assert_eq!((first.after, first.upto, first.account.read), (Position::Start, Position::At(3), 2));
    let ignored = world.trace("5");
    assert_eq!((ignored.verdict, ignored.is_settled()), (Verdict::Ignored, true));
    // The rules of now are not those of then.
    world.settings = String::from("ignore = \"customer = 'Ana' OR customer = 'test'\"");
    let ignored = world.trace("1");
    assert_eq!((ignored.verdict, ignored.is_settled()), (Verdict::Unknown, false));
    assert!(passage(&ignored).why.as_ref().is_some_and(|why| why.contains("ignored nothing")), "{ignored:#?}");
    assert_eq!(world.verdict("3"), Verdict::Delivered);
}

fn what_waits_in_quarantine_is_told_until_it_is_replayed_or_dropped(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    world.order(&["'ES', 'Ana', 10.00"]);
    world.run();
    world.sql("es", "INSERT INTO orders (id, amount) VALUES (2, 0)");
    world.order(&["'ES', 'Secret', 20.00", "'PT', 'Secret', 30.00", "NULL, 'Secret', 40.00", "NULL, 'test', 50.00"]);
    world.run();
    let told = |trace: &Trace| {
        let of = |kept: &domicile_pipeline::TracedQuarantine| {
            (kept.home.clone().unwrap_or_default(), kept.cause.clone(), kept.resolution)
        };
        trace.quarantine.iter().map(of).collect::<Vec<_>>()
    };
    let refused = world.trace("2");
    assert_eq!((refused.verdict, refused.is_settled()), (Verdict::Quarantined, false));
    assert_eq!(told(&refused), [(String::from("es"), String::from("refused"), None)]);
    assert!(matches!(refused.records[0].outcome, Outcome::Delivered { .. }), "the rules refuse it not");
    let lost = world.trace("3");
    assert_eq!((lost.verdict, lost.records[0].read_for.as_deref()), (Verdict::Quarantined, None));
    assert_eq!(told(&lost), [(String::new(), String::from("unknown_key"), None)]);
    assert!(!format!("{refused:?}{lost:?}").contains("Secret"), "what a record holds is not told");

    world.sql("es", "DELETE FROM orders WHERE id = 2");
    world.homes = String::from("homes = { es = [\"ES\", \"PT\"], fr = \"FR\" }");
    world.settings = String::from("ignore = \"customer = 'test'\"");
    world.replay_all();
    let replayed = world.trace("2");
    assert_eq!((replayed.verdict, replayed.is_settled()), (Verdict::Delivered, true));
    assert_eq!(told(&replayed)[0].2, Some(Resolution::Replayed));
    assert_eq!(replayed.quarantine[0].resolved_by.as_deref(), Some("ana"));
    let moved = world.trace("3");
    assert_eq!((moved.verdict, moved.is_settled()), (Verdict::Delivered, true));
    let resolutions: Vec<_> = moved.quarantine.iter().map(|kept| (kept.resolution, kept.moved_to.as_deref())).collect();
    assert_eq!(resolutions, [(Some(Resolution::Replayed), None), (Some(Resolution::Moved), Some("es"))]);
    assert_eq!(world.verdict("5"), Verdict::Ignored);

    let filter = QuarantineFilter { record: Some(String::from("4")), ..QuarantineFilter::default() };
    runtime().block_on(world.pipeline().drop_quarantined(&filter, "no such shop", Some("eva"))).unwrap();
    let dropped = world.trace("4");
    assert_eq!((dropped.verdict, dropped.is_settled()), (Verdict::Dropped, true));
    let kept = &dropped.quarantine[0];
    assert_eq!((kept.resolved_by.as_deref(), kept.note.as_deref()), (Some("eva"), Some("no such shop")));
    world.sql("source", "DELETE FROM orders WHERE id = 4");
    let gone = world.trace("4");
    assert_eq!((gone.verdict, gone.records.len()), (Verdict::Dropped, 0), "the quarantine knows it still");
}

fn what_its_home_has_not_reached_is_told_with_why(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    world.order(&["'ES', 'Ana', 10.00"]);
    let new = world.trace("1");
    assert_eq!((new.verdict, new.is_settled()), (Verdict::NotReached, false));
    assert_eq!((passage(&new).state, &passage(&new).position), (PassageState::NotReached, &Some(Position::Start)));
    world.run();
    assert_eq!(world.verdict("1"), Verdict::Delivered);
    world.order(&["'ES', 'Eva', 20.00"]);
    let next = world.trace("2");
    assert_eq!((next.verdict, passage(&next).why.clone()), (Verdict::NotReached, None));

    // As a run notes it.
    world.sql("control", &format!("CREATE TABLE IF NOT EXISTS domicile_state ({STATE})"));
    let insert = "INSERT INTO domicile_state (source, home, state, why, since, seen_at) VALUES ('orders', 'es',";
    for (name, state) in [("failing", PassageState::Failing), ("blocked", PassageState::Blocked)] {
        world.sql("control", &format!("DELETE FROM domicile_state; {insert} '{name}', 'the disk is full', 7, 7)"));
        let stuck = world.trace("2");
        assert_eq!((stuck.verdict, passage(&stuck).state), (Verdict::Blocked, state));
        let told = (passage(&stuck).why.as_deref(), passage(&stuck).since.as_deref());
        assert_eq!(told, (Some("the disk is full"), Some("1970-01-01T00:00:07Z")));
        assert_eq!(world.verdict("1"), Verdict::Delivered, "it was before that");
    }
    take_away(&world, "es");
    let away = world.trace("2");
    assert_eq!((away.verdict, away.is_settled()), (Verdict::Unknown, false));
    assert_eq!(passage(&away).state, PassageState::Unreachable);
    let unreached: Vec<_> = away.unreached.iter().map(|unreached| unreached.home.as_deref()).collect();
    assert_eq!(unreached, [Some("es")]);
}

fn what_nobody_has_seen_or_can_tell_is_unknown(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    world.order(&["'ES', 'Ana', 10.00", "'ES', 'Eva', 20.00"]);
    world.run();
    let never = world.trace("99");
    assert_eq!((never.verdict, never.records.len(), never.is_settled()), (Verdict::Unknown, 0, false));
    for wrong in ["ninety", "1.5", "[1, 2]", ""] {
        assert!(runtime().block_on(world.pipeline().trace(None, wrong)).unwrap_err().is_usage(), "{wrong}");
    }
    assert!(runtime().block_on(world.pipeline().trace(Some("sails"), "1")).unwrap_err().is_usage());
    assert!(runtime().block_on(world.pipeline().trace(Some("orders"), "1")).is_ok());
    // It has another home now than when it was passed.
    world.sql("source", "UPDATE orders SET country = 'FR' WHERE id = 2");
    let changed = world.trace("2");
    assert_eq!((changed.verdict, passage(&changed).state), (Verdict::Misplaced, PassageState::Passed));
    assert!(passage(&changed).why.as_ref().is_some_and(|why| why.contains("no commit accounts")), "{changed:#?}");
    assert_eq!(world.verdict("1"), Verdict::Delivered);
}

fn what_comes_late_within_the_overlap_is_not_taken_for_delivered(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    world.settings = String::from("cursor = \"at\"\noverlap = \"1h\"\nidentity = \"id\"");
    let order = |at: &str| {
        let insert = "INSERT INTO orders (country, customer, amount, at) VALUES";
        world.sql("source", &format!("{insert} ('ES', 'Ana', 1.00, '2026-01-01 {at}')"));
    };
    let verdict = |at: &str| world.verdict(&format!("2026-01-01 {at}"));
    order("10:00:00");
    order("12:00:00");
    world.run();
    order("11:30:00");
    assert_eq!((verdict("12:00:00"), verdict("11:30:00")), (Verdict::Delivered, Verdict::NotReached));
    world.run();
    assert_eq!((verdict("12:00:00"), verdict("11:30:00")), (Verdict::Delivered, Verdict::Delivered));
    assert_eq!(verdict("10:00:00"), Verdict::Delivered, "it is in front of the overlap");
    // What is never read any more has no row.
    order("09:00:00");
    world.run();
    assert_eq!((verdict("09:00:00"), verdict("10:00:00")), (Verdict::Missing, Verdict::Delivered));
}

fn the_rows_of_a_record_are_looked_for_in_all_homes(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    world.order(&["'ES', 'Ana', 10.00", "'FR', 'Luc', 20.00", "'ES', 'Eva', 30.00"]);
    world.run();
    let rows = |key: &str| {
        let trace = world.trace(key);
        let told = trace.records[0].rows.iter().map(|row| (row.table.clone(), row.state, row.elsewhere.join(" ")));
        (trace.verdict, trace.is_settled(), told.collect::<Vec<_>>())
    };
    let all = |orders, elsewhere: &str, latest| {
        let row = |table: &str, state, elsewhere: &str| (String::from(table), state, elsewhere.to_owned());
        vec![row("orders", orders, elsewhere), row("latest", latest, ""), row("totals", RowState::Merged, "")]
    };
    assert_eq!(rows("1"), (Verdict::Delivered, true, all(RowState::There, "", RowState::There)));
    // Another value is told by its column alone.
    world.sql("es", "UPDATE orders SET amount = 11.00, customer = 'Secret' WHERE id = 1");
    assert_eq!(rows("1"), (Verdict::Changed, false, all(RowState::Differs, "", RowState::There)));
    let trace = world.trace("1");
    assert_eq!(
        (&trace.records[0].rows[0].differing[..], trace.records[0].rows[0].is_own),
        (&["customer".into(), "amount".into()][..], true)
    );
    assert!(!serde_json::to_string(&trace).unwrap().contains("Secret"));
    world.sql("fr", "INSERT INTO orders (id, customer, amount) VALUES (1, 'Ana', 10.00)");
    assert_eq!(rows("1"), (Verdict::Misplaced, false, all(RowState::Differs, "fr", RowState::There)));
    world.sql("fr", "DELETE FROM orders WHERE id = 1");
    world.sql("es", "DELETE FROM orders WHERE id = 1");
    assert_eq!(rows("1"), (Verdict::Missing, false, all(RowState::Missing, "", RowState::There)));
    // Another record of the customer may have replaced or removed what is not its own.
    world.sql("es", "DELETE FROM latest");
    assert_eq!(rows("3"), (Verdict::Delivered, true, all(RowState::There, "", RowState::Missing)));
}

fn several_records_of_one_cursor_are_told_together(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    world.settings = String::from("cursor = \"amount\"");
    world.order(&["'ES', 'Ana', 1.00", "'FR', 'Luc', 1.00", "'XX', 'Xia', 2.00", "'ES', 'Eva', 2.00"]);
    world.run();
    let both = world.trace("1.00");
    let homes: Vec<_> = both.records.iter().map(|record| record.read_for.as_deref().unwrap_or("-")).collect();
    assert_eq!((both.verdict, homes.len()), (Verdict::Delivered, 2));
    assert!(homes.contains(&"es") && homes.contains(&"fr"));
    assert_eq!(world.verdict("2.00"), Verdict::Quarantined, "one of them waits");
    world.batch_rows = 200;
    let values = (0..101).map(|_| "('ES', 'Ana', 3.00)").collect::<Vec<_>>().join(", ");
    world.sql("source", &format!("INSERT INTO orders (country, customer, amount) VALUES {values}"));
    world.run();
    let many = world.trace("3.00");
    assert_eq!((many.records.len(), many.is_cut, many.is_settled()), (100, true, false));
}

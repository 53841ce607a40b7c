//! What is kept from run to run of where each routing key was placed, and of whose the positions are.

use std::fs;
use std::sync::Arc;

use domicile_pipeline::Silent;

use crate::fixture::{Setup, World, counts, described, home, open, run};

fn world() -> World {
    World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 2.00", "'PT', 'Rui', NULL, 4.00"])
}

fn copying(homes: &str) -> Setup {
    Setup::new().homes(homes).insert("orders", "SELECT id, country FROM record")
}

const IBERIA: &str = "iberia = [\"ES\", \"PT\"]\nfr = \"FR\"";
const ROWS: &str = "SELECT id, country FROM orders ORDER BY id";

/// What a run refuses, each problem as `setting: message / help`.
fn refused(world: &World, setup: &Setup) -> Vec<String> {
    let error = run(&world.pipeline(setup), Arc::new(Silent)).expect_err("the run is refused");
    described(error.problems().expect("it is a problem of the configuration"))
}

#[test]
fn the_same_placement_runs_again_and_a_new_key_may_be_added() {
    let world = world();
    world.run(&copying(IBERIA));
    let kept = "SELECT source, routing_key, home FROM domicile_placement ORDER BY routing_key";
    assert_eq!(world.control(kept), ["orders|ES|iberia", "orders|FR|fr", "orders|PT|iberia"]);
    world.order(&["'IT', 'Ugo', NULL, 8.00"]);
    let report = world.run(&copying(&format!("{IBERIA}\nit = \"IT\"")));
    assert_eq!(counts(home(&report, "it")), [1, 1, 0, 0]);
    assert_eq!(world.control("SELECT count(*) FROM domicile_placement"), ["4"]);
}

#[test]
fn a_key_that_moves_to_another_home_is_refused() {
    let world = world();
    world.run(&copying(IBERIA));
    world.order(&["'PT', 'Eva', NULL, 8.00"]);
    let moved = copying("iberia = \"ES\"\npt = \"PT\"\nfr = \"FR\"");
    let expected = "homes.pt: source orders: the routing key `PT` was placed in home iberia until now, and is placed in pt now; \
                    what iberia was not given yet might be lost, and what it was given might come twice / put it back; or \
                    run with the old placement until iberia has caught up; then let the rows of `PT` be where they belong (a \
                    new home reads them all again: delete them from iberia; a home that is past them does not: move them), \
                    and say so in the control database: DELETE FROM domicile_placement WHERE source = 'orders' AND \
                    routing_key = 'PT'; if iberia only has another name now, that is enough here, and its database is told of it too";
    assert_eq!(refused(&world, &moved), [expected]);
    assert_eq!(world.problems(&moved), [expected], "a check tells the same");
    assert!(!world.home_path("pt").exists(), "nothing is written");
    // As it is told: iberia catches up, and the new home reads all again.
    world.run(&copying(IBERIA));
    let told = "DELETE FROM domicile_placement WHERE source = 'orders' AND routing_key = 'PT'";
    open(&world.path("control.sqlite")).execute_batch(told).unwrap();
    world.in_home("iberia", "DELETE FROM orders WHERE country = 'PT'");
    world.run(&moved);
    assert_eq!(world.rows("pt", ROWS), ["3|PT", "4|PT"]);
    assert_eq!(world.rows("iberia", ROWS), ["1|ES"]);
}

#[test]
fn a_key_that_moves_to_a_home_that_is_past_its_records_takes_only_new_ones_there() {
    let world = world();
    world.run(&copying(IBERIA));
    let moved = copying("iberia = [\"ES\", \"PT\", \"FR\"]\nfr = []");
    assert_eq!(refused(&world, &moved).len(), 1);
    // As it is told: both are past the record, so that it is moved by hand.
    let told = "DELETE FROM domicile_placement WHERE source = 'orders' AND routing_key = 'FR'";
    open(&world.path("control.sqlite")).execute_batch(told).unwrap();
    world.in_home("fr", "DELETE FROM orders");
    world.in_home("iberia", "INSERT INTO orders VALUES (2, 'FR')");
    world.order(&["'FR', 'Ida', NULL, 8.00"]);
    assert_eq!(world.run(&moved).total().delivered, 1);
    assert_eq!(world.rows("iberia", ROWS), ["1|ES", "2|FR", "3|PT", "4|FR"]);
    assert_eq!(world.rows("fr", ROWS), Vec::<String>::new());
}

#[test]
fn a_home_that_lags_is_not_left_out() {
    let world = world();
    fs::create_dir(world.home_path("fr")).unwrap();
    assert!(home(&world.try_run(&copying(IBERIA)), "fr").failure.is_some());
    // The others are past record 2, so that it would be read by nobody.
    for (homes, now) in [
        ("iberia = [\"ES\", \"PT\"]", "has no home now"),
        ("iberia = [\"ES\", \"PT\", \"FR\"]", "is placed in iberia now"),
    ] {
        let problems = refused(&world, &copying(homes));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(&format!("`FR` was placed in home fr until now, and {now}")), "{problems:?}");
    }
    fs::remove_dir(world.home_path("fr")).unwrap();
    world.run(&copying(IBERIA));
    assert_eq!(world.rows("fr", ROWS), ["2|FR"]);
}

#[test]
fn a_position_of_another_control_database_is_not_taken_for_ones_own() {
    let world = world();
    world.run(&copying(IBERIA));
    fs::rename(world.path("control.sqlite"), world.path("theirs.sqlite")).unwrap();
    // As with the configuration of somebody else, whose source has the same name.
    world.order(&["'ES', 'Eva', NULL, 8.00"]);
    let problems = refused(&world, &copying(IBERIA));
    let expected = "control: home iberia and 1 more: it has a position of a source 'orders' that was read with another control \
                    database, and would be taken to know this source's records";
    assert!(problems.len() == 1 && problems[0].starts_with(expected), "{problems:?}");
    assert!(!world.path("control.sqlite").exists(), "nothing is written");

    let other = copying(IBERIA).setting("name = \"ours\"");
    assert_eq!(world.run(&other).total().delivered, 4, "another name is another source");
    let lost = "UPDATE domicile_position SET control = NULL WHERE source = 'orders'";
    world.in_home("iberia", lost);
    world.in_home("fr", lost);
    assert_eq!(world.run(&copying(IBERIA)).total().delivered, 1, "what was taken over goes on where it was");
}

#[test]
fn a_home_that_only_has_another_name_goes_on_where_it_was() {
    let world = world();
    world.run(&copying(IBERIA));
    fs::rename(world.home_path("fr"), world.home_path("france")).unwrap();
    let renamed = copying("iberia = [\"ES\", \"PT\"]\nfrance = \"FR\"");
    assert!(
        refused(&world, &renamed)[0]
            .ends_with("if fr only has another name now, that is enough here, and its database is told of it too")
    );
    let told = "DELETE FROM domicile_placement WHERE source = 'orders' AND routing_key = 'FR'";
    open(&world.path("control.sqlite")).execute_batch(told).unwrap();
    let report = world.try_run(&renamed);
    let failure = home(&report, "france").failure.as_deref().unwrap_or_default();
    assert!(failure.contains("it has a position of the source `orders` as the home `fr`"), "{report:?}");
    world.in_home("france", "UPDATE domicile_position SET home = 'france' WHERE home = 'fr'");
    world.order(&["'FR', 'Ida', NULL, 8.00"]);
    assert_eq!(world.run(&renamed).total().delivered, 1);
    assert_eq!(world.rows("france", ROWS), ["2|FR", "4|FR"]);
}

#[test]
fn another_run_that_places_a_key_elsewhere_meanwhile_is_noticed() {
    let world = world();
    let place = "CREATE TABLE domicile_control (id TEXT NOT NULL PRIMARY KEY);
                 CREATE TABLE domicile_placement (source TEXT, routing_key TEXT, home TEXT, PRIMARY KEY (source, routing_key));
                 CREATE TRIGGER meanwhile BEFORE INSERT ON domicile_placement WHEN new.routing_key = 'PT' AND new.home = 'iberia'
                 BEGIN INSERT INTO domicile_placement VALUES ('orders', 'PT', 'pt'); END";
    open(&world.path("control.sqlite")).execute_batch(place).unwrap();
    let error = run(&world.pipeline(&copying(IBERIA)), Arc::new(Silent)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the control database: another run has placed a routing key in another home meanwhile"
    );
    assert!(!world.home_path("iberia").exists());
    open(&world.path("control.sqlite")).execute_batch("DROP TRIGGER meanwhile").unwrap();
    assert_eq!(world.run(&copying(IBERIA)).total().delivered, 3);
}

#[test]
fn a_control_database_that_moves_is_still_the_same() {
    let world = world();
    world.run(&copying(IBERIA));
    let copy = world.path("copy.sqlite");
    fs::copy(world.path("control.sqlite"), &copy).unwrap();
    fs::remove_file(world.path("control.sqlite")).unwrap();
    fs::rename(copy, world.path("control.sqlite")).unwrap();
    world.order(&["'ES', 'Eva', NULL, 8.00"]);
    assert_eq!(world.run(&copying(IBERIA)).total().delivered, 1);
}

#[test]
fn keys_that_country_code_never_gives_are_told() {
    let world = world();
    let setup =
        copying("es = [\"ES\", \"Spain\"]\nuk = \"UK\"\nfr = \"fr\"\nxx = \"Atlantis\"").key("country_code(country)");
    let problems = world.problems(&setup);
    let told = |home: &str, key: &str, help: &str| {
        format!("homes.{home}: no record has the routing key `{key}`: country_code gives codes of two letters / {help}")
    };
    let unknown = "write the code of ISO 3166-1 with two letters, for example `ES`";
    let expected = [
        told("es", "Spain", "write `ES`"),
        told("uk", "UK", "write `GB`"),
        told("fr", "fr", "write `FR`"),
        told("xx", "Atlantis", unknown),
    ];
    assert_eq!(problems, expected);
    // Another expression may give anything, and so may that of another source.
    assert_eq!(world.problems(&setup.clone().key("coalesce(country_code(country), country)")), Vec::<String>::new());
    let other = "[[source]]\nname = \"other\"\nurl = \"sqlite:source.sqlite\"\ntable = \"orders\"\ncursor = \"id\"\nkey = \"country\"";
    let first = "[[source.analyser]]\ninto = \"orders\"\nsql = \"SELECT id, country FROM record\"";
    let two = Setup::new().homes("uk = \"UK\"").key("country_code(country)").setting(first).setting(other);
    assert_eq!(world.problems(&two.insert("seen", "SELECT id FROM record")), Vec::<String>::new());
}

/// A record without a home that the control database was not given yet would be nobody's, were its key placed now.
#[test]
fn a_key_is_not_placed_while_the_control_database_is_behind() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00"]);
    let spain = || copying("es = \"ES\"");
    world.run(&spain());
    world.order(&["'FR', 'Luc', NULL, 2.00", "'ES', 'Eva', NULL, 4.00"]);
    world.run(&spain());
    // As where a run was killed before the control database had committed.
    let back =
        "UPDATE domicile_position SET position = '1'; DELETE FROM domicile_account; DELETE FROM domicile_quarantine";
    open(&world.path("control.sqlite")).execute_batch(back).unwrap();
    let with_france = copying("es = \"ES\"\nfr = \"FR\"");
    world.order(&["'ES', 'Ugo', NULL, 8.00"]);
    let problems = refused(&world, &with_france);
    let expected =
        "source orders: a routing key was placed since the last run, and the control database is behind the homes";
    assert!(problems.len() == 1 && problems[0].contains(expected), "{problems:?}");
    world.run(&spain());
    world.order(&["'ES', 'Zoe', NULL, 8.00"]);
    world.run(&with_france);
    assert_eq!(world.rows("fr", ROWS), ["2|FR"], "it takes over what the control database keeps");
}

/// A rule that changes while nothing is new is kept as well: later it would be held against a home that is behind.
#[test]
fn a_rule_that_changes_while_nothing_is_new_is_kept() {
    let world = world();
    world.run(&copying(IBERIA));
    let kept = || world.control("SELECT rule FROM domicile_rule");
    let before = kept();
    world.run(&copying(IBERIA).key("upper(country)"));
    assert_ne!(kept(), before);
}

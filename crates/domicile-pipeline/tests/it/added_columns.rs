//! Columns that an analyser has and a table in a home has not: added where the configuration allows it, and otherwise
//! refused with the statement that adds them.

use std::sync::Arc;

use domicile_pipeline::{Pipeline, Report, Silent, Verification};

use crate::fixture::{self, Setup, counts, described, home, run, runtime};
use crate::servers::{self, Kind, MARIADB, POSTGRES, World, succeeded};
use crate::verify::{assert_proved, differences, of, verify_what};

const ADDING: &str = "add_columns = true";
/// Two rows a transaction, so that what is added is there for all of them.
const SMALL: &str = "commit_rows = 2";

const FEW: &str = "[[source.analyser]]\ninto = \"made\"\nsql = \"SELECT id, customer FROM record\"";
const MORE: &str = "[[source.analyser]]\ninto = \"made\"\nsql = \"SELECT id, customer, amount, country FROM record\"";

fn configured(world: &World, homes: &str, delivery: &str, analysers: &str) -> Pipeline {
    let url = |database| world.server.url(database);
    let limits = format!("rows = 3\n[delivery]\n{SMALL}\n{delivery}");
    servers::pipeline(world.config(&url("source"), homes, &url("control"), &limits) + analysers)
}

fn homes(world: &World) -> String {
    format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", world.server.url("{home}"))
}

fn try_run(pipeline: &Pipeline) -> Report {
    run(pipeline, Arc::new(Silent)).unwrap()
}

fn problems(pipeline: &Pipeline) -> Vec<String> {
    described(&runtime().block_on(pipeline.check()).err().unwrap_or_default())
}

/// Of each home its columns, in order.
fn columns(world: &World) -> Vec<String> {
    let sql = "SELECT column_name FROM information_schema.columns WHERE table_name = 'made' ORDER BY table_schema, ordinal_position";
    world.rows("es", sql)
}

macro_rules! for_servers {
    ($($test:ident)*) => {
        mod postgres { $(#[test] fn $test() { super::$test(&super::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(&super::MARIADB) })* }
    };
}

for_servers! {
    a_column_is_added_where_the_configuration_allows_it
    what_would_change_what_is_there_is_not_added
    two_runs_at_once_add_a_column_once
    a_home_that_may_not_be_changed_stays_where_it_is_and_the_others_go_on
}

fn a_column_is_added_where_the_configuration_allows_it(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\"]", world.server.url("{home}"));
    world.order(&["'ES', 'Ana', 1.50"]);
    succeeded(try_run(&configured(&world, &homes, "", FEW)));
    world.order(&["'ES', 'Bea', 2.00", "'ES', 'Eva', NULL", "'ES', 'Zoé', 4.25"]);

    let refusing = configured(&world, &homes, "", MORE);
    let told = problems(&refusing).join("\n");
    for column in ["amount", "country"] {
        assert!(told.contains(&format!("home es: the table `made` has no column `{column}` / ALTER TABLE")), "{told}");
    }
    assert!(run(&refusing, Arc::new(Silent)).unwrap_err().is_configuration());

    let adding = configured(&world, &homes, ADDING, MORE);
    assert_eq!(problems(&adding), [] as [&str; 0]);
    assert_eq!(columns(&world), ["id", "customer"], "what is only checked stays as it is");
    assert_eq!(counts(home(&succeeded(try_run(&adding)), "es")), [3, 3, 0, 0]);
    let made = world.rows("es", "SELECT id, customer, amount, country FROM made ORDER BY id");
    assert_eq!(made, ["1|Ana|NULL|NULL", "2|Bea|2.00|ES", "3|Eva|NULL|ES", "4|Zoé|4.25|ES"]);
    // With the columns there, nothing is to be allowed any more.
    assert_eq!(problems(&refusing), [] as [&str; 0]);
}

fn what_would_change_what_is_there_is_not_added(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    let analyser = |lines: &str, sql: &str| format!("[[source.analyser]]\ninto = \"made\"\n{lines}\nsql = \"{sql}\"");
    let merged = "SELECT country, count(*) AS orders, sum(amount) AS revenue FROM record GROUP BY country";
    let replaced =
        analyser("write = \"replace\"\nkey = [\"id\", \"customer\"]", "SELECT id, customer, amount FROM record");
    for (table, analyser, column, why) in [
        (
            "CREATE TABLE made (country varchar(80) NOT NULL PRIMARY KEY, orders bigint)",
            analyser("write = \"merge\"", merged),
            "revenue",
            ", and is not given one: it would leave out the records that were read before / ALTER TABLE",
        ),
        ("CREATE TABLE made (id bigint NOT NULL PRIMARY KEY)", replaced, "customer", " / ALTER TABLE"),
    ] {
        world.server.sql("es", &format!("DROP TABLE IF EXISTS made; {table}"));
        let told = problems(&configured(&world, &homes(&world), ADDING, &analyser)).join("\n");
        assert!(told.contains(&format!("home es: the table `made` has no column `{column}`{why}")), "{told}");
        assert!(!told.contains("no column `amount`"), "{told}");
    }
}

fn two_runs_at_once_add_a_column_once(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    let few = configured(&world, &homes(&world), "", FEW);
    for (round, analyser) in [(1, MORE.replace(", country", "")), (2, MORE.to_owned())] {
        let orders = ["('ES', 'Ana', 1.00), ('FR', 'Luc', 2.00)"; 10].join(", ");
        world.server.sql("source", &format!("INSERT INTO orders (country, customer, amount) VALUES {orders}"));
        if round == 1 {
            succeeded(try_run(&few));
            world.server.sql("source", &format!("INSERT INTO orders (country, customer, amount) VALUES {orders}"));
        }
        let adding = configured(&world, &homes(&world), ADDING, &analyser);
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..2).map(|_| scope.spawn(|| run(&adding, Arc::new(Silent)))).collect();
            for report in runs.into_iter().filter_map(|run| run.join().unwrap().ok()) {
                for home in report.sources[0].failed() {
                    let why = home.failure.as_deref().unwrap_or_default();
                    assert!(why.contains("another run"), "{why}");
                }
            }
        });
        succeeded(try_run(&adding));
    }
    assert_eq!(
        world.rows("es", "SELECT count(*), count(DISTINCT id), count(amount), count(country) FROM made"),
        ["30|30|20|10"]
    );
}

fn a_home_that_may_not_be_changed_stays_where_it_is_and_the_others_go_on(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    world.order(&["'ES', 'Ana', 1.50", "'FR', 'Luc', 1.50"]);
    succeeded(try_run(&configured(&world, &homes(&world), "", FEW)));
    let url = world.server.url("es");
    let (scheme, _) = url.split_once("://").unwrap();
    let (_, host) = url.split_once('@').unwrap();
    world.server.sql(
        "es",
        if scheme == "postgres" {
            "CREATE ROLE plain LOGIN PASSWORD 'secret'; GRANT ALL ON SCHEMA public TO plain;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain"
        } else {
            "CREATE USER plain IDENTIFIED BY 'secret';
             GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES ON es.* TO plain"
        },
    );
    let homes = format!(
        "[homes]\nes = {{ url = \"{scheme}://plain:secret@{host}\", keys = \"ES\" }}\nfr = {{ url = \"{}\", keys = \"FR\" }}",
        world.server.url("fr")
    );
    world.order(&["'ES', 'Bea', 2.00", "'FR', 'Zoé', 2.00"]);
    // Who may not change tables may still use them.
    assert_eq!(counts(home(&succeeded(try_run(&configured(&world, &homes, "", FEW))), "es")), [1, 1, 0, 0]);
    world.order(&["'ES', 'Eva', 3.00", "'FR', 'Zoé', 3.00"]);
    let report = fixture::only(try_run(&configured(&world, &homes, ADDING, MORE)));
    let why = home(&report, "es").failure.clone().unwrap_or_default();
    assert!(why.contains("must be owner of table made") || why.contains("ALTER command denied"), "{why}");
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([0; 4], [1, 1, 0, 0]));
    assert_eq!(world.rows("es", "SELECT id, customer FROM made ORDER BY id"), ["1|Ana", "3|Bea"]);
    assert_eq!(world.rows("es", "SELECT position FROM domicile_position"), ["4"]);
}

#[test]
fn a_column_of_a_file_is_added_where_the_configuration_allows_it() {
    let world = fixture::World::with_orders(&["'ES', 'Ana', NULL, 1.50"]);
    world.run(&Setup::new().insert("made", "SELECT id, customer FROM record"));
    world.order(&["'ES', 'Bea', NULL, 2.00", "'FR', 'Luc', NULL, 2.50"]);
    let refusing = Setup::new().insert("made", "SELECT id, customer, amount FROM record");
    let expected = "source[0].analyser[0].into: home es and 1 more: the table `made` has no column `amount` / ALTER TABLE \"made\" ADD \
                    COLUMN \"amount\" DECIMAL(12,2)";
    assert_eq!(world.problems(&refusing), [expected]);
    let adding = refusing.clone().delivery(ADDING).commit_rows(1);
    assert_eq!(world.problems(&adding), Vec::<String>::new());
    let report = world.run(&adding);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([1, 1, 0, 0], [1, 1, 0, 0]));
    assert_eq!(world.rows("es", "SELECT * FROM made ORDER BY id"), ["1|Ana|NULL", "2|Bea|2"]);
    assert_eq!(world.problems(&refusing), Vec::<String>::new());
    // What was delivered before is not what is made of its record now, until somebody makes it so.
    let verified = verify_what(&world.pipeline(&adding), &Verification::default());
    assert_eq!(differences(of(&verified, "es"), "made"), ["changed id = 1"]);
    world.in_home("es", "UPDATE made SET amount = 1.50 WHERE id = 1");
    assert_proved(&world.pipeline(&adding));

    let merging = "SELECT customer, sum(amount) AS s, count(*) AS n FROM record GROUP BY customer";
    let merging = Setup::new().setting("name = \"again\"").merge("total", merging).delivery(ADDING);
    world.in_home("es", "CREATE TABLE total (customer TEXT PRIMARY KEY, s NUMERIC)");
    let told = world.problems(&merging).join("\n");
    assert!(
        told.contains("no column `n`, and is not given one: it would leave out the records that were read"),
        "{told}"
    );
}

//! What a user or a server lacks is told with the statement that gives it.

use std::sync::Arc;

use domicile_pipeline::Silent;

use crate::fixture::{counts, home, run, runtime};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

macro_rules! contract {
    ($($test:ident)*) => {
        mod postgres { $(#[test] fn $test() { super::$test(&super::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(&super::MARIADB) })* }
    };
}

contract! {
    a_home_without_its_database
    a_user_who_may_not_read_the_source
}

fn copied(kind: &Kind) -> Option<World> {
    let world = World::new(kind)?.analyser("orders", "", "SELECT id FROM record");
    world.order(&["'ES', 'Ana', 1.50", "'FR', 'Zoé', 2.00"]);
    Some(world)
}

/// A name, quoted by the server's own rules.
fn quoted(world: &World, name: &str) -> String {
    let quote = if world.server.url("").starts_with("postgres") { '"' } else { '`' };
    format!("{quote}{name}{quote}")
}

fn a_home_without_its_database(kind: &Kind) {
    let Some(world) = copied(kind) else { return };
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\", \"PT\"]", world.server.url("{home}"));
    let config = || pipeline(world.config(&world.server.url("source"), &homes, &world.server.url("control"), ""));
    let make = format!("CREATE DATABASE {}", quoted(&world, "pt"));
    let problems = runtime().block_on(config().check()).unwrap_err();
    assert!(!problems.has_wrong_settings());
    let helps: Vec<_> = problems.iter().map(|problem| problem.help_text().unwrap()).collect();
    assert_eq!(helps, [&make], "{problems}");
    let report = run(&config(), Arc::new(Silent)).unwrap();
    let told = home(&report.sources[0], "pt").failure.clone().unwrap();
    assert!(told.ends_with(&format!("; make it by {make}")), "{told}");
    world.server.sql("source", &make);
    let report = succeeded(run(&config(), Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "pt")), [0, 0, 0, 0]);
}

fn a_user_who_may_not_read_the_source(kind: &Kind) {
    let Some(world) = copied(kind) else { return };
    let is_postgres = quoted(&world, "").starts_with('"');
    let (user, account) = if is_postgres {
        ("CREATE USER plain PASSWORD 'secret'", String::from("\"plain\""))
    } else {
        // Of a user without any privilege in a database, the database itself is denied.
        (
            "CREATE USER plain IDENTIFIED BY 'secret'; GRANT CREATE VIEW ON source.* TO plain",
            String::from("'plain'@'%'"),
        )
    };
    world.server.sql("source", user);
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", world.server.url("{home}"));
    let url = world.server.url("source");
    let (scheme, host) = (url.split_once(':').unwrap().0, url.split_once('@').unwrap().1);
    let config = |as_said: &str| {
        let source = format!("{scheme}://{as_said}@{host}");
        pipeline(world.config(&source, &homes, &world.server.url("control"), ""))
    };
    let grant = format!("GRANT SELECT ON {} TO {account}", quoted(&world, "orders"));
    let error = run(&config("plain:secret"), Arc::new(Silent)).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(error.to_string().ends_with(&format!("help: {grant}")), "{error}");
    // A name that the environment holds is not told by us.
    let concealed = run(&config("${NOBODY:-plain}:secret"), Arc::new(Silent)).unwrap_err().to_string();
    assert!(concealed.ends_with("TO this user"), "{concealed}");
    world.server.sql("source", &grant);
    let report = succeeded(run(&config("plain:secret"), Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0]);
}

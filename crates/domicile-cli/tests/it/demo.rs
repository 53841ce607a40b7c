//! `domicile demo`: what a newcomer sees first.

use std::path::Path;

use domicile_testkit::Sandbox;
use rusqlite::Connection;

use crate::command::{Ran, binary, domicile, without_reasons};

fn demo(sandbox: &Sandbox) -> Ran {
    domicile(sandbox.dir(), ["demo", "demo", "--scale", "0.001", "--new", "50"]).exits(0)
}

fn number(path: &Path, sql: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{}: {sql}: {error}", path.display()))
}

/// The number in front of a word of the line `this run: 1500 read = …`.
fn told(ran: &Ran, word: &str) -> i64 {
    let line = ran.stdout.lines().find(|line| line.starts_with("this run: ")).expect("it tells its sums");
    let words: Vec<_> = line.split(' ').collect();
    let place = words.iter().position(|found| *found == word).expect("the word is there");
    words[place - 1].parse().unwrap()
}

/// Every order of the source is in one home or in quarantine, and no cent is lost: also not in the aggregates.
#[track_caller]
fn assert_sums_are_equal(sandbox: &Sandbox) {
    let (source, control) = (sandbox.path("demo/source.sqlite"), sandbox.path("demo/control.sqlite"));
    let (mut orders, mut cents, mut revenue, mut counted) = (0, 0, 0, 0);
    let cents_of = |column: &str| format!("coalesce(sum(CAST(round({column} * 100) AS INTEGER)), 0)");
    let mut homes = 0;
    for home in std::fs::read_dir(sandbox.path("demo/homes")).unwrap() {
        let home = home.unwrap().path();
        homes += 1;
        orders += number(&home, "SELECT count(*) FROM orders");
        cents += number(&home, &format!("SELECT {} FROM orders", cents_of("amount")));
        revenue += number(&home, &format!("SELECT {} FROM daily_sales", cents_of("revenue")));
        counted += number(&home, "SELECT coalesce(sum(orders), 0) FROM daily_sales");
    }
    let quarantined = number(&control, "SELECT count(*) FROM domicile_quarantine");
    let lost = "record ->> 'amount'";
    let kept = number(&control, &format!("SELECT {} FROM domicile_quarantine", cents_of(lost)));
    assert_eq!((homes, counted, revenue), (25, orders, cents));
    assert_eq!(orders + quarantined, number(&source, "SELECT count(*) FROM orders"));
    assert_eq!(cents + kept, number(&source, &format!("SELECT {} FROM orders", cents_of("amount"))));
}

#[test]
fn it_delivers_everything_and_then_only_what_is_new() {
    let sandbox = Sandbox::new();
    let first = demo(&sandbox).says("made demo/source.sqlite with 1500 orders of 25 countries, interleaved");
    assert_eq!(told(&first, "read"), 1500);
    assert_eq!(told(&first, "read"), told(&first, "delivered") + told(&first, "quarantined"));
    assert_sums_are_equal(&sandbox);
    let second = demo(&sandbox).says("added 50 new orders to demo/source.sqlite");
    assert_eq!(told(&second, "read"), 50);
    assert_eq!(told(&second, "read"), told(&second, "delivered") + told(&second, "quarantined"));
    assert_sums_are_equal(&sandbox);
}

#[test]
fn what_it_prints_is_always_the_same() {
    let sandbox = Sandbox::new();
    // What it suggests to type begins with how it was called itself.
    let stdout = |ran: Ran| ran.stdout.replace(&binary().display().to_string(), "PROGRAM");
    insta::assert_snapshot!("demo", stdout(demo(&sandbox)));
    insta::assert_snapshot!("demo_again", stdout(demo(&sandbox)));
}

#[test]
fn its_configuration_passes_the_check() {
    let sandbox = Sandbox::new();
    demo(&sandbox);
    let checked = domicile(sandbox.dir(), ["check", "demo/domicile.toml"]).exits(0);
    insta::assert_snapshot!(without_reasons(&checked.stdout), @"
    source orders: exact: …
      writes orders, customers, daily_sales
    25 homes can be used; nothing was written
    ");
    domicile(sandbox.dir(), ["run", "demo/domicile.toml"]).exits(0);
}

#[test]
fn a_configuration_that_was_changed_is_kept() {
    let sandbox = Sandbox::new();
    demo(&sandbox);
    let path = sandbox.path("demo/domicile.toml");
    let changed = std::fs::read_to_string(&path).unwrap() + "# mine\n";
    std::fs::write(&path, &changed).unwrap();
    demo(&sandbox);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), changed);
}

#[test]
fn where_it_cannot_be_made_it_says_so() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("demo"), "a file in the way").unwrap();
    let ran = domicile(sandbox.dir(), ["demo", "demo", "--scale", "0.001"]).exits(1);
    ran.complains("error: the demonstration cannot be made in demo: ");
    domicile(sandbox.dir(), ["demo", "elsewhere", "--scale", "0"]).exits(2).complains("it must be from 0.0001 to 100");
    domicile(sandbox.dir(), ["demo", "elsewhere", "--scale", "0.0001"]).exits(0);
}

#[test]
fn a_configuration_that_was_changed_is_shown_as_far_as_it_can_be() {
    let sandbox = Sandbox::new();
    demo(&sandbox);
    let path = sandbox.path("demo/domicile.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, config.replace("control.sqlite", "elsewhere.sqlite").replace("homes/{home}", "new/{home}"))
        .unwrap();
    let shown = demo(&sandbox);
    assert_eq!(told(&shown, "read"), 1550);
    let homes = sandbox.path("demo/homes");
    std::fs::rename(sandbox.path("demo/new"), sandbox.path("demo/moved")).unwrap();
    std::fs::remove_dir_all(homes).unwrap();
    let line = domicile(sandbox.dir(), ["demo", "demo", "--new", "1"]).exits(0).stdout;
    let france = line.lines().find(|line| line.starts_with("france ")).expect("it has a row");
    assert_eq!(france.split_whitespace().skip(2).collect::<Vec<_>>(), ["-", "-", "-", "-"], "{line}");
}

#[test]
fn what_it_has_not_made_it_leaves_alone() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("mine")).unwrap();
    std::fs::write(sandbox.path("mine/domicile.toml"), "# mine\n").unwrap();
    let told = "no demonstration has made";
    domicile(sandbox.dir(), ["demo", "mine", "--scale", "0.0001"]).exits(2).complains(told);
    assert!(!sandbox.path("mine/source.sqlite").exists());
    std::fs::create_dir(sandbox.path("other")).unwrap();
    let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT)";
    Connection::open(sandbox.path("other/source.sqlite")).unwrap().execute_batch(orders).unwrap();
    domicile(sandbox.dir(), ["demo", "other", "--scale", "0.0001"]).exits(2).complains(told);
    assert_eq!(number(&sandbox.path("other/source.sqlite"), "SELECT count(*) FROM orders"), 0);
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    domicile(sandbox.dir(), ["demo", "empty", "--scale", "0.0001"]).exits(0);
}

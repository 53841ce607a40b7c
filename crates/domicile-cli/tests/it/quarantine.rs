//! `domicile quarantine`: what it prints, its exit codes, and what is proved behind it.

use domicile_testkit::{CONFIG, Sandbox, Shop};

use crate::command::{Ran, domicile, domicile_with, run};

fn quarantine(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    domicile_with(sandbox.dir(), ["quarantine"].iter().chain(arguments), &[("USER", "ana")])
}

/// The text without times, which are never the same.
fn without_times(text: &str) -> String {
    let is_time =
        |word: &str| word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_digit() || b"-:".contains(&byte));
    let without = |line: &str| {
        let words = line.split(' ').map(|word| if is_time(word) { "…" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(without).collect::<Vec<_>>().join("\n")
}

/// A shop with a sale of a label that names no country, one of a country without a home, and one that its home refuses.
fn synced() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 1);
    shop.sell_one(Some("España"), "2024-01-01", "10.25");
    run(&sandbox).exits(0);
    let check =
        "CREATE TRIGGER no_gifts BEFORE INSERT ON sales WHEN NEW.amount = 0 BEGIN SELECT RAISE(ABORT, 'no gifts'); END";
    sandbox.home("spain").execute_batch(check).unwrap();
    shop.sell_one(Some("Frnace"), "2024-01-01", "20.5");
    shop.sell_one(Some("Brasil"), "2024-01-02", "1.00");
    shop.sell_one(Some("España"), "2024-01-02", "0");
    run(&sandbox).exits(3);
    sandbox
}

#[test]
fn what_is_there_is_listed_and_shown() {
    let sandbox = synced();
    let before = sandbox.files();
    let ran = quarantine(&sandbox, &["list"]).exits(0);
    insta::assert_snapshot!(without_times(&ran.stdout), @"
    home       source        cause                                             about  waiting  resolved      last seen (UTC)
    spain       sales      refused  a trigger refuses it (SQLITE_CONSTRAINT_TRIGGER)        1            … …
    (no home)   sales       no_key                                                          1            … …
    (no home)   sales  unknown_key                                                BR        1            … …
    3 records wait in quarantine
    ");
    let ran = quarantine(&sandbox, &["show", "--no-home"]).exits(0);
    insta::assert_snapshot!(without_times(&ran.stdout), @r#"
    record 2 of sales in (no home) (no_key)
      why     the routing key `country_code(country)` is NULL; `country` is "Frnace"; did you mean France (FR)?
      since   … … UTC, last tried … … UTC
      holds   {"id":2,"country":"Frnace","customer":"customer-0","sold_on":"2024-01-01","status":"paid","amount":"20.50"}
    record 3 of sales in (no home) (unknown_key)
      why     routing key `BR` has no home, so this write to sales was refused: RoutingKey(BR) was set at domicile.toml:15. Correct the key, or place it in a home
      since   … … UTC, last tried … … UTC
      holds   {"id":3,"country":"Brasil","customer":"customer-0","sold_on":"2024-01-02","status":"paid","amount":"1.00"}
    "#);
    let json = quarantine(&sandbox, &["list", "--json", "--cause", "refused"]).exits(0).json();
    assert_eq!((&json["groups"][0]["home"], &json["groups"][0]["waiting"]), (&"spain".into(), &1.into()));
    let json = quarantine(&sandbox, &["show", "--json", "--record", "4"]).exits(0).json();
    assert_eq!((&json[0]["cause"], &json[0]["record"]["id"]), (&"refused".into(), &4.into()));
    quarantine(&sandbox, &["show", "--record", "99"]).exits(1).complains("no such record waits in quarantine");
    quarantine(&sandbox, &["show", "--json", "--record", "99"]).exits(1);
    quarantine(&sandbox, &["show", "--record", "99", "--all"]).exits(1).complains("no such record is in quarantine");
    quarantine(&sandbox, &["show", "--source", "nobody"]).exits(2).complains("source nobody: neither");
    quarantine(&sandbox, &["list", "--source", "nobody"]).exits(2).complains("source nobody: neither");
    quarantine(&sandbox, &["show", "--home", "france"]).exits(0).complains("no such record waits in quarantine");
    assert_eq!(before, sandbox.files(), "nothing is written");
}

#[test]
fn what_was_mended_is_replayed_and_what_was_not_stays() {
    let sandbox = synced();
    quarantine(&sandbox, &["replay"]).exits(3).says("3 of them are in quarantine");
    sandbox.home("spain").execute_batch("DROP TRIGGER no_gifts").unwrap();
    let mended = CONFIG
        .replace("key = \"country_code(country)\"", "key = \"country_code(replace(country, 'Frnace', 'France'))\"");
    sandbox.write_config(&mended);
    let ran = quarantine(&sandbox, &["replay"]).exits(3);
    insta::assert_snapshot!(ran.stdout, @"
    home       source  delivered  ignored  had it  moved  refused  ahead  not replayed
    spain       sales          1        0       0      0        0      0             0
    (no home)   sales          1        0       0      0        1      0             0
    1 of them is in quarantine
    ");
    let ran = quarantine(&sandbox, &["list"]).exits(0);
    insta::assert_snapshot!(without_times(&ran.stdout), @"
    home       source        cause                                             about  waiting    resolved      last seen (UTC)
    france      sales       no_key                                                          0  1 replayed  … …
    spain       sales      refused  a trigger refuses it (SQLITE_CONSTRAINT_TRIGGER)        0  1 replayed  … …
    (no home)   sales       no_key                                                          0     1 moved  … …
    (no home)   sales  unknown_key                                                BR        1              … …
    1 record waits in quarantine
    ");
    domicile(sandbox.dir(), ["verify"]).exits(0);
    let sales: i64 = sandbox.home("france").query_row("SELECT count(*) FROM sales", [], |row| row.get(0)).unwrap();
    assert_eq!(sales, 1);
    quarantine(&sandbox, &["replay", "--home", "spain"]).exits(0).says("nothing was replayed");
    quarantine(&sandbox, &["replay", "--record", "99"]).exits(1).complains("no such record waits in quarantine");
    quarantine(&sandbox, &["replay", "--source", "nobody"]).exits(2);
}

#[test]
fn what_is_dropped_has_a_reason_and_says_which() {
    let sandbox = synced();
    quarantine(&sandbox, &["drop", "--all"]).exits(2).complains("--reason");
    quarantine(&sandbox, &["drop", "--reason", "no"]).exits(2).complains("nothing says which records to drop");
    quarantine(&sandbox, &["drop", "--reason", " ", "--no-home"]).exits(2).complains("the reason is empty");
    quarantine(&sandbox, &["drop", "--reason", "no", "--home", "atlantis"]).exits(2).complains("home atlantis");
    quarantine(&sandbox, &["drop", "--reason", "we do not deliver there", "--cause", "unknown_key"])
        .exits(0)
        .says("dropped: 1");
    quarantine(&sandbox, &["show", "--cause", "unknown_key"]).exits(0).complains("no such record waits");
    let ran = quarantine(&sandbox, &["show", "--cause", "unknown_key", "--all"]).exits(0);
    insta::assert_snapshot!(without_times(&ran.stdout), @r#"
    record 3 of sales in (no home) (unknown_key)
      why     routing key `BR` has no home, so this write to sales was refused: RoutingKey(BR) was set at domicile.toml:15. Correct the key, or place it in a home
      since   … … UTC, last tried … … UTC
      holds   "SHA-256 d70b9baf0b6e498bd36ea6d94f7304f83287cdebba08f3fe35c5deb6807aa5dd"
      dropped … … UTC by ana: we do not deliver there
    "#);
    domicile(sandbox.dir(), ["verify"]).exits(0);
    let drop = ["drop", "--reason", "no", "--record"];
    quarantine(&sandbox, &[&drop[..], &["99"]].concat()).exits(1).complains("no such record waits in quarantine");
    quarantine(&sandbox, &["drop", "--reason", "no", "--source", "nobody"])
        .exits(2)
        .complains("source nobody: neither");
    quarantine(&sandbox, &["drop", "--reason", "all of it", "--all"]).exits(0).says("dropped: 2");
    quarantine(&sandbox, &["replay"]).exits(0).says("nothing was replayed");
    domicile(sandbox.dir(), ["verify"]).exits(0);
}

#[test]
fn a_home_that_cannot_be_asked_is_told() {
    let sandbox = synced();
    std::fs::write(
        sandbox.home_path("france"),
        "this is not a database, and long enough to be told from one that is new",
    )
    .unwrap();
    quarantine(&sandbox, &["list"]).exits(1).says("FAILED france: file is not a database");
    quarantine(&sandbox, &["list", "--home", "spain"]).exits(0);
}

#[test]
fn who_drops_is_known_where_the_environment_does_not_say_it() {
    let sandbox = synced();
    let nobody = ["USER", "LOGNAME", "USERNAME"].map(|name| (name, ""));
    let drop = ["quarantine", "drop", "--reason", "no", "--cause", "unknown_key"];
    domicile_with(sandbox.dir(), drop, &nobody).exits(0).says("dropped: 1");
    let json = quarantine(&sandbox, &["show", "--json", "--all", "--cause", "unknown_key"]).exits(0).json();
    let user = std::process::Command::new("id").arg("-un").output().unwrap().stdout;
    assert_eq!(json[0]["resolved_by"], String::from_utf8(user).unwrap().trim());
}

#[test]
fn what_records_say_steers_no_terminal_and_begins_no_line() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 92);
    sandbox.write_config(&CONFIG.replace("country_code(country)", "country"));
    shop.sell_one(Some("\u{1b}[2J\nspain \u{202e}sales"), "2024-01-01", "1.00");
    let ran = domicile(sandbox.dir(), ["run"]).exits(3);
    let told = [&["list"][..], &["show"], &["replay"]].map(|what| quarantine(&sandbox, what));
    let traced = domicile(sandbox.dir(), ["trace", "1"]).exits(1);
    for ran in told.iter().chain([&ran, &traced]) {
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!all.contains('\u{1b}') && !all.contains('\u{202e}') && !all.contains("\nspain "), "{all}");
    }
    let [list, ..] = told;
    list.says("\\u{1b}[2J\\nspain \\u{202e}sales");
}

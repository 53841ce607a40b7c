//! Text in every encoding that the servers have: what is Unicode arrives, and what is none is in quarantine as its bytes.

use std::fmt::Write as _;
use std::sync::Arc;

use domicile_pipeline::{Report, Silent};

use crate::fixture::{described, home, open, rows, run, runtime};
use crate::servers::{pipeline, succeeded};
use crate::types::compare_with_guide;
use crate::types_databases::{Databases, Kind};
use crate::verify::assert_proved;

/// The encodings of PostgreSQL that it translates into UTF-8, each with a text.
/// Source: <https://www.postgresql.org/docs/15/multibyte.html>
const POSTGRES: [(&str, &str); 38] = [
    ("UTF8", "ñ€😀"),
    ("EUC_CN", "中文"),
    ("EUC_JP", "日本"),
    ("EUC_JIS_2004", "日本"),
    ("EUC_KR", "한국"),
    ("EUC_TW", "中文"),
    ("ISO_8859_5", "Жя"),
    ("ISO_8859_6", "عرب"),
    ("ISO_8859_7", "αβ"),
    ("ISO_8859_8", "אב"),
    ("KOI8R", "Жя"),
    ("KOI8U", "Жї"),
    ("LATIN1", "ñé"),
    ("LATIN2", "łő"),
    ("LATIN3", "ħ"),
    ("LATIN4", "ķ"),
    ("LATIN5", "ğ"),
    ("LATIN6", "ŋ"),
    ("LATIN7", "ų"),
    ("LATIN8", "ŵ"),
    ("LATIN9", "€"),
    ("LATIN10", "ș"),
    ("SQL_ASCII", "ñ€😀"),
    ("WIN866", "Жя"),
    ("WIN874", "ไทย"),
    ("WIN1250", "łő"),
    ("WIN1251", "Жя"),
    ("WIN1252", "ñ€"),
    ("WIN1253", "αβ"),
    ("WIN1254", "ğ"),
    ("WIN1255", "אב"),
    ("WIN1256", "عرب"),
    ("WIN1257", "ų"),
    ("WIN1258", "ñ₫"),
    ("EUC_KR", "가"),
    ("EUC_JP", "ｱ"),
    ("LATIN1", "\u{80}ÿ"),
    ("WIN1252", "™"),
];

/// Texts, of which each character set has one.
const SAMPLES: [&str; 9] = ["ñ€😀", "ñé", "łő", "Жя", "αβ", "אב", "日本", "ไทย", "ų"];

/// A column of each of these databases, into tables of one home.
fn config(databases: &Databases, sources: &[(String, String, String)]) -> String {
    let source = |(name, url, column): &(String, String, String)| {
        format!(
            "[[source]]\nname = \"{name}\"\nurl = \"{url}\"\ntable = \"texts\"\ncursor = \"id\"\nkey = \"'home'\"\n\
             [[source.analyser]]\ninto = \"{name}\"\nsql = \"SELECT id, {column} AS v FROM record\"\n"
        )
    };
    format!(
        "control = \"{}\"\n[homes]\nhome = {{ url = \"{}\", keys = \"home\" }}\n{}",
        databases.url(Kind::Sqlite, "control"),
        databases.url(Kind::Sqlite, "home"),
        sources.iter().map(source).collect::<String>()
    )
}

fn run_sources(databases: &Databases, sources: &[(String, String, String)]) -> Report {
    run(&pipeline(config(databases, sources)), Arc::new(Silent)).unwrap()
}

fn in_home(databases: &Databases, sql: &str) -> Vec<String> {
    rows(&open(&databases.path("home")), sql)
}

#[test]
fn text_of_postgresql_arrives_from_every_encoding() {
    let Some(databases) = Databases::start() else { return };
    let server = databases.server(Kind::Postgres);
    let mut sources = Vec::new();
    for (number, (encoding, text)) in POSTGRES.iter().enumerate() {
        let name = format!("e{number}");
        let made =
            format!("CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
        server.sql("postgres", &made);
        server.sql(
            &name,
            &format!("CREATE TABLE texts (id int PRIMARY KEY, v text); INSERT INTO texts VALUES (1, '{text}')"),
        );
        sources.push((name.clone(), server.url(&name), String::from("v")));
    }
    let report = run_sources(&databases, &sources);
    assert!(!report.has_failed(), "{report:#?}");
    assert_proved(&pipeline(config(&databases, &sources)));
    for (number, (encoding, text)) in POSTGRES.iter().enumerate() {
        assert_eq!(in_home(&databases, &format!("SELECT v FROM e{number}")), [*text], "{encoding}");
    }
    server.sql(
        "postgres",
        "CREATE DATABASE mule ENCODING 'MULE_INTERNAL' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
    );
    let mule = (String::from("mule"), server.url("mule"), String::from("v"));
    let told = described(&runtime().block_on(pipeline(config(&databases, &[mule])).check()).unwrap_err()).concat();
    assert!(told.contains("cannot be opened: conversion between UTF8 and MULE_INTERNAL is not supported"), "{told}");
    let mut names: Vec<_> = POSTGRES.iter().map(|(encoding, _)| format!("`{encoding}`")).collect();
    names.sort();
    names.dedup();
    compare_with_guide("the encodings of PostgreSQL", &format!("{}\n", names.join(", ")));
}

#[test]
fn text_of_postgresql_that_is_not_in_unicode_goes_to_quarantine_as_its_bytes_and_the_others_arrive() {
    let Some(databases) = Databases::start() else { return };
    let server = databases.server(Kind::Postgres);
    let mut sources = Vec::new();
    for (name, encoding, broken) in [("windows", "WIN1252", "\\x81"), ("none", "SQL_ASCII", "\\xc3")] {
        let made =
            format!("CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
        server.sql("postgres", &made);
        // As a client writes it that says nothing of its encoding.
        let table = format!(
            "SET client_encoding TO '{encoding}'; CREATE TABLE texts (id int PRIMARY KEY, v text, doc json);
             INSERT INTO texts SELECT n, 'a' FROM generate_series(1, 50) AS n;
             UPDATE texts SET v = E'{broken}', doc = '[]' WHERE id IN (7, 8, 50);"
        );
        server.sql(name, &table);
        sources.push((name.to_owned(), server.url(name), String::from("coalesce(v, doc)")));
    }
    server.sql("windows", "UPDATE texts SET v = 'é' WHERE id IN (6, 9)");
    let report = run_sources(&databases, &sources);
    assert!(!report.has_failed(), "{report:#?}");
    assert_proved(&pipeline(config(&databases, &sources)));
    for (name, reason, raw) in
        [("windows", "text has a character that is not in Unicode", "0x81"), ("none", "text is not UTF-8", "0xc3")]
    {
        assert_eq!(in_home(&databases, &format!("SELECT count(*) FROM {name}")), ["47"], "{name}");
        let quarantined = format!(
            "SELECT position, reason, record ->> 'v', record ->> 'doc' FROM domicile_quarantine WHERE source = '{name}'
             ORDER BY CAST(position AS INTEGER)"
        );
        let expected = [7, 8, 50].map(|id| format!("{id}|`v`: {reason}|{raw}|[]"));
        assert_eq!(in_home(&databases, &quarantined), expected, "{name}");
    }
    assert_eq!(in_home(&databases, "SELECT id, v FROM windows WHERE v <> 'a'"), ["6|é", "9|é"]);
}

#[test]
fn a_home_of_another_encoding_takes_what_it_has_and_keeps_the_rest_in_quarantine() {
    let Some(databases) = Databases::start() else { return };
    let server = databases.server(Kind::Postgres);
    server.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    databases.execute(
        Kind::Sqlite,
        "source",
        "CREATE TABLE texts (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO texts VALUES (1, 'ñ'), (2, '€'), (3, 'a')",
    );
    let config = format!(
        "control = \"{}\"\n[homes]\nhome = {{ url = \"{}\", keys = \"home\" }}\n\
         [[source]]\nurl = \"{}\"\ntable = \"texts\"\ncursor = \"id\"\nkey = \"'home'\"\n\
         [[source.analyser]]\ninto = \"kept\"\nsql = \"SELECT id, v FROM record\"\n",
        databases.url(Kind::Sqlite, "control"),
        server.url("latin"),
        databases.url(Kind::Sqlite, "source")
    );
    let pipeline = pipeline(config);
    let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    assert_proved(&pipeline);
    assert_eq!(home(&report, "home").account.quarantined, 1);
    assert_eq!(server.sql("latin", "SELECT id, v FROM kept ORDER BY id"), "1\tñ\n3\ta");
    let told = server.sql("latin", "SELECT reason, record FROM domicile_quarantine");
    assert!(told.contains("has no equivalent in encoding \"LATIN1\"\t{\"id\":2,\"v\":\"\\u20ac\"}"), "{told}");
}

#[test]
fn text_of_mariadb_arrives_from_every_character_set() {
    let Some(databases) = Databases::start() else { return };
    let server = databases.server(Kind::MariaDb);
    let sets = server.sql("source", "SELECT character_set_name FROM information_schema.character_sets ORDER BY 1");
    let sets: Vec<_> = sets.lines().filter(|set| *set != "binary").collect();
    let sample = |set: &&str| {
        let keeps = |text: &&str| {
            let again =
                format!("SELECT CONVERT(CONVERT('{text}' USING {set}) USING utf8mb4) COLLATE utf8mb4_bin = '{text}'");
            server.sql("source", &again) == "1"
        };
        SAMPLES.into_iter().find(keeps).unwrap_or("plain?")
    };
    let samples: Vec<_> = sets.iter().map(sample).collect();
    let mut columns = String::new();
    for (number, set) in sets.iter().enumerate() {
        write!(columns, ", c{number} varchar(20) CHARACTER SET {set}").unwrap();
    }
    let texts: Vec<_> = samples.iter().map(|text| format!("'{text}'")).collect();
    server.sql(
        "source",
        &format!(
            "CREATE TABLE texts (id int PRIMARY KEY{columns}); INSERT INTO texts VALUES (1, {})",
            texts.join(", ")
        ),
    );
    let columns: Vec<_> = (0..sets.len()).map(|number| format!("c{number}")).collect();
    let config = format!(
        "control = \"{}\"\n[homes]\nhome = {{ url = \"{}\", keys = \"home\" }}\n\
         [[source]]\nurl = \"{}\"\ntable = \"texts\"\ncursor = \"id\"\nkey = \"'home'\"\n\
         [[source.analyser]]\ninto = \"kept\"\nsql = \"SELECT {} FROM record\"\n",
        databases.url(Kind::Sqlite, "control"),
        databases.url(Kind::Sqlite, "home"),
        server.url("source"),
        columns.join(", ")
    );
    let pipeline = pipeline(config);
    let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    assert_proved(&pipeline);
    assert_eq!(report.total().delivered, 1, "{report:#?}");
    for (column, (set, sample)) in columns.iter().zip(sets.iter().zip(&samples)) {
        assert_eq!(in_home(&databases, &format!("SELECT {column} FROM kept")), [*sample], "{set}");
    }
    let names: Vec<_> = sets.iter().map(|set| format!("`{set}`")).collect();
    compare_with_guide("the character sets of MariaDB", &format!("{}\n", names.join(", ")));
}

#[test]
fn text_of_mariadb_that_is_not_in_unicode_goes_to_quarantine_as_its_bytes() {
    let Some(databases) = Databases::start() else { return };
    let server = databases.server(Kind::MariaDb);
    server.sql(
        "source",
        "SET sql_mode = ''; CREATE TABLE texts (id int PRIMARY KEY, v varchar(9) CHARACTER SET sjis, w varchar(9) CHARACTER SET tis620);
         INSERT INTO texts VALUES (1, _binary x'81ad', NULL), (2, _binary x'82a0', '?'), (3, '?あ', 'ไ'), (4, 'a', _binary x'db')",
    );
    let sources = [(String::from("t"), server.url("source"), String::from("coalesce(v, w)"))];
    let report = run_sources(&databases, &sources);
    assert!(!report.has_failed(), "{report:#?}");
    assert_proved(&pipeline(config(&databases, &sources)));
    assert_eq!(in_home(&databases, "SELECT id, v FROM t"), ["2|あ", "3|?あ"], "the server would have sent `?`");
    let quarantined = "SELECT position, reason, coalesce(record ->> 'v', 'NULL'), coalesce(record ->> 'w', 'NULL')
                       FROM domicile_quarantine WHERE source = 't'";
    assert_eq!(
        in_home(&databases, quarantined),
        [
            "1|`v`: text has a character that is not in Unicode|0x81ad|NULL",
            "4|`w`: text has a character that is not in Unicode|a|0xdb"
        ]
    );
}

#[test]
fn text_of_sqlite_arrives_from_every_encoding_and_in_every_encoding() {
    let Some(databases) = Databases::start() else { return };
    for encoding in ["UTF-8", "UTF-16le", "UTF-16be"] {
        for database in ["source", "home", "control"] {
            let _ = std::fs::remove_file(databases.path(database));
        }
        let home = format!("PRAGMA encoding = '{encoding}'; CREATE TABLE kept (id INTEGER, v TEXT);");
        databases.execute(Kind::Sqlite, "home", &home);
        let source = format!(
            "PRAGMA encoding = '{encoding}'; CREATE TABLE texts (id INTEGER PRIMARY KEY, v TEXT);
             INSERT INTO texts VALUES (1, 'ñ€😀' || char(0) || 'x')"
        );
        databases.execute(Kind::Sqlite, "source", &source);
        let sources = [(String::from("kept"), databases.url(Kind::Sqlite, "source"), String::from("v"))];
        let report = run_sources(&databases, &sources);
        assert!(!report.has_failed(), "{report:#?}");
        assert_eq!(in_home(&databases, "SELECT v FROM kept"), ["ñ€😀\0x"], "{encoding}");
        assert_eq!(in_home(&databases, "PRAGMA encoding"), [encoding]);
    }
}

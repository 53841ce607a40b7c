//! Every type of every kind of source in every kind of home: what arrives is what was there, by SQL on both sides, and what
//! cannot is in quarantine with its reason. The tables of the guide are made of what these tests find.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::Arc;

use domicile_pipeline::Silent;
use serde_json::Value;

use crate::fixture::{described, run, runtime};
use crate::servers::{pipeline, succeeded};
use crate::types_cases::{Case, cases, refused};
use crate::types_databases::{Databases, KINDS, Kind, Shape};
use crate::verify::assert_proved;

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guide/types.md");

#[test]
fn every_type_of_postgresql_arrives_as_it_was_or_is_in_quarantine() {
    every_type_arrives(Kind::Postgres);
}

#[test]
fn every_type_of_mariadb_arrives_as_it_was_or_is_in_quarantine() {
    every_type_arrives(Kind::MariaDb);
}

#[test]
fn every_type_of_sqlite_arrives_as_it_was_or_is_in_quarantine() {
    every_type_arrives(Kind::Sqlite);
}

/// One value of a case on its way to one home.
struct Tried {
    case: usize,
    home: Kind,
    value: &'static str,
}

fn every_type_arrives(source: Kind) {
    let Some(databases) = Databases::start() else { return };
    let cases = cases(source);
    let tried = tried(&cases);
    databases.execute(source, "source", &source_sql(source, &cases, &tried));
    let config = config(&databases, source, &cases);
    let pipeline = pipeline(config);
    let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    assert_eq!(report.total().read, tried.len() as u64);
    assert_proved(&pipeline);
    let found = Found::of(&databases, source, &cases, &tried);
    let differences: Vec<_> = (0..tried.len()).filter_map(|row| found.difference(&cases, &tried, row)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let mut matrix = String::from(
        "| type | values | in SQL | in PostgreSQL | in MariaDB | in SQLite |\n|---|---|---|---|---|---|\n",
    );
    for (number, case) in cases.iter().enumerate() {
        let homes = KINDS.map(|home| found.cell(&databases, &tried, number, home));
        let values: Vec<_> = case.values.iter().map(|value| shown(value)).collect();
        let (declared, sql) = (described_type(case), found.sql_cell(&databases, &tried, number));
        writeln!(matrix, "| {declared} | {} | {sql} | {} |", values.join(" "), homes.join(" | ")).unwrap();
    }
    for declared in refused(source) {
        let told = refusal(&databases, source, declared);
        let declared = if declared.is_empty() { String::from("no type") } else { shown(declared) };
        writeln!(matrix, "| {declared} | | `check` refuses it: {told} | | | |").unwrap();
    }
    compare_with_guide(&format!("from {}", source.name()), &matrix);
}

fn column(number: usize) -> String {
    format!("c{number}")
}

/// Each value and NULL, for each home: the records of the source, which are numbered from 1.
fn tried(cases: &[Case]) -> Vec<Tried> {
    let of_case = |(case, Case { values, .. }): (usize, &Case)| {
        let values = values.iter().copied().chain(["NULL"]);
        values.flat_map(move |value| KINDS.map(|home| Tried { case, home, value })).collect::<Vec<_>>()
    };
    cases.iter().enumerate().flat_map(of_case).collect()
}

/// Makes the source. Each record has a value in one column and none in the others.
fn source_sql(source: Kind, cases: &[Case], tried: &[Tried]) -> String {
    let declared = |(number, case): (usize, &Case)| format!("{} {}", column(number), case.declared);
    let columns: Vec<_> = cases.iter().enumerate().map(declared).collect();
    let mut sql = String::new();
    if source == Kind::Postgres {
        sql += "CREATE TYPE mood AS ENUM ('glad', 'sad');\n";
    }
    sql += &format!("CREATE TABLE orders (id bigint PRIMARY KEY, country varchar(9), {});\n", columns.join(", "));
    for (row, Tried { case, home, value }) in tried.iter().enumerate() {
        let (id, column, home) = (row + 1, column(*case), home.home());
        writeln!(sql, "INSERT INTO orders (id, country, {column}) VALUES ({id}, '{home}', {value});").unwrap();
    }
    sql
}

fn config(databases: &Databases, source: Kind, cases: &[Case]) -> String {
    let home =
        |home: Kind| format!("{0} = {{ url = \"{1}\", keys = \"{0}\" }}", home.home(), databases.url(home, "home"));
    let configured = |(number, case): (usize, &Case)| Some(format!("{} = \"{}\"", column(number), case.configured?));
    let columns: Vec<_> = (0..cases.len()).map(column).collect();
    let types = columns.iter().map(|column| format!("arrow_typeof({column}) AS {column}"));
    format!(
        "control = \"{}\"\n[homes]\n{}\n[[source]]\nurl = \"{}\"\ntable = \"orders\"\ncursor = \"id\"\nkey = \"country\"\n\
         columns = {{ {} }}\n\
         [[source.analyser]]\ninto = \"kept\"\nsql = \"SELECT id, {} FROM record\"\n\
         [[source.analyser]]\ninto = \"types\"\nsql = \"SELECT {} FROM record WHERE id = 1\"\n",
        databases.url(Kind::Sqlite, "control"),
        KINDS.map(home).join("\n"),
        databases.url(source, "source"),
        cases.iter().enumerate().filter_map(configured).collect::<Vec<_>>().join(", "),
        columns.join(", "),
        types.collect::<Vec<_>>().join(", "),
    )
}

/// What is in the source and what is in the homes, by the number of the record.
struct Found {
    source: HashMap<usize, String>,
    kept: HashMap<usize, String>,
    quarantined: HashMap<usize, Quarantined>,
}

struct Quarantined {
    cause: String,
    reason: String,
    record: Value,
}

impl Found {
    fn of(databases: &Databases, source: Kind, cases: &[Case], tried: &[Tried]) -> Self {
        let query = |kind: Kind, table: &str, is_source: bool| {
            let of_case = |(number, case): (usize, &Case)| {
                let words = match case.compared.filter(|_| is_source) {
                    Some(compared) => compared.replace('v', &column(number)),
                    None => kind.words(case.shape, &column(number)),
                };
                let ids: Vec<_> =
                    (0..tried.len()).filter(|row| tried[*row].case == number).map(|row| row + 1).collect();
                let words = kind.joined(&["id", &format!("coalesce({words}, 'NULL')")]);
                format!("SELECT {words} FROM {table} WHERE id BETWEEN {} AND {}", ids[0], ids[ids.len() - 1])
            };
            cases.iter().enumerate().map(of_case).collect::<Vec<_>>().join(" UNION ALL ")
        };
        let by_id = |rows: Vec<String>| {
            rows.into_iter().map(|row| {
                let (id, words) = row.split_once(' ').unwrap();
                (id.parse().unwrap(), words.to_owned())
            })
        };
        let mut found = Self {
            source: by_id(databases.rows(source, "source", &query(source, "orders", true))).collect(),
            kept: HashMap::new(),
            quarantined: HashMap::new(),
        };
        for home in KINDS {
            found.kept.extend(by_id(databases.rows(home, "home", &query(home, "kept", false))));
            let [reason, record] = ["reason", "record"].map(|column| home.words(Shape::Text, column));
            let sql =
                format!("SELECT {} FROM domicile_quarantine", home.joined(&["position", "cause", &reason, &record]));
            for (id, row) in by_id(databases.rows(home, "home", &sql)) {
                let [cause, reason, record] = row.split(' ').collect::<Vec<_>>().try_into().unwrap();
                let record = serde_json::from_str(&from_hex(record)).unwrap();
                let quarantined = Quarantined { cause: cause.to_owned(), reason: from_hex(reason), record };
                found.quarantined.insert(id, quarantined);
            }
        }
        found
    }

    /// What is not as it should be with a record, if anything: it is either kept as it was or in quarantine as it was.
    fn difference(&self, cases: &[Case], tried: &[Tried], row: usize) -> Option<String> {
        let (id, Tried { case, home, value }) = (row + 1, &tried[row]);
        let case = &cases[*case];
        let source = case.shape.normalised(&self.source[&id]);
        let (found, is_same) = match (self.kept.get(&id), self.quarantined.get(&id)) {
            (Some(kept), None) => {
                let kept = case.shape.normalised(kept);
                let is_same = kept == source;
                (kept, is_same)
            }
            (None, Some(quarantined)) => {
                let raw = &quarantined.record[column(tried[row].case)];
                let raw = raw.as_str().map_or_else(|| raw.to_string(), str::to_owned);
                let is_same = *value != "NULL" && is_as_it_was(case.shape, &raw, &source);
                (format!("{} ({})", raw, quarantined.reason), is_same)
            }
            (kept, quarantined) => {
                let found = format!("kept: {}, in quarantine: {}", kept.is_some(), quarantined.is_some());
                (found, false)
            }
        };
        let name = home.name();
        (!is_same).then(|| format!("{} {value} in {name}: {found} in place of {source}", case.declared))
    }

    /// The type of a case's column in a home, and what the home refuses of it.
    fn cell(&self, databases: &Databases, tried: &[Tried], case: usize, home: Kind) -> String {
        let declared = shown(&databases.declared(home, "home", "kept", &column(case)));
        format!("{declared}{}", self.refusals(tried, case, home, "refused"))
    }

    /// The type of a case's column in SQL, and what is not even read.
    fn sql_cell(&self, databases: &Databases, tried: &[Tried], case: usize) -> String {
        let found = databases.rows(Kind::Postgres, "home", &format!("SELECT {} FROM types", column(case)));
        let refusals = KINDS.map(|home| self.refusals(tried, case, home, "bad_value"));
        assert!(refusals.iter().all(|others| *others == refusals[0]), "{refusals:?}");
        format!("{}{}", shown(&found.concat()), refusals[0])
    }

    fn refusals(&self, tried: &[Tried], case: usize, home: Kind, cause: &str) -> String {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (row, tried) in tried.iter().enumerate().filter(|(_, tried)| tried.case == case && tried.home == home) {
            if let Some(quarantined) = self.quarantined.get(&(row + 1)).filter(|found| found.cause == cause) {
                let column = column(case);
                let reason = quarantined.reason.replace(&format!("`{column}`: "), "");
                let reason = reason.replace(&format!("`kept.{column}` "), "");
                values.entry(reason).or_default().push(shown(tried.value));
            }
        }
        let refusals = values.iter().map(|(reason, values)| format!("; not {}: {reason}", values.join(" ")));
        refusals.collect()
    }
}

/// Whether what quarantine keeps of a value is what the source said. What is no text is kept as its bytes, and the server
/// leaves zeroes out of a date that is none.
fn is_as_it_was(shape: Shape, raw: &str, source: &str) -> bool {
    let found = shape.normalised(raw);
    match shape {
        Shape::Text => raw.strip_prefix("0x").is_some_and(|bytes| bytes == source) || to_hex(raw) == source,
        Shape::Time | Shape::Instant => found == source || source == format!("{found} 00:00:00"),
        _ => found == source,
    }
}

fn to_hex(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn from_hex(hex: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    String::from_utf8((0..hex.len()).step_by(2).map(byte).collect()).unwrap()
}

/// What a check tells of a source with a column of this type.
fn refusal(databases: &Databases, source: Kind, declared: &str) -> String {
    let sql =
        format!("DROP TABLE orders; CREATE TABLE orders (id bigint PRIMARY KEY, country varchar(9), v {declared});");
    databases.execute(source, "source", &sql);
    let config = config(databases, source, &[])
        .replace("SELECT id,  FROM", "SELECT id FROM")
        .replace("SELECT  FROM", "SELECT id FROM");
    let problems = runtime().block_on(pipeline(config).check()).unwrap_err();
    let [problem] = described(&problems).try_into().unwrap();
    problem.replace("source[0].columns: ", "").replace('|', "\\|")
}

/// A case's type, with what is said of it in the configuration.
fn described_type(case: &Case) -> String {
    let declared = if case.declared.is_empty() { String::from("no type") } else { shown(case.declared) };
    case.configured.map_or(declared.clone(), |configured| format!("{declared} as `{configured}`"))
}

/// SQL in a cell of a table.
fn shown(sql: &str) -> String {
    format!("`{}`", sql.replace('|', "\\|"))
}

/// Compares a part of the guide with what was found. With `DOMICILE_UPDATE_GUIDE=1` it is written anew.
pub(crate) fn compare_with_guide(name: &str, found: &str) {
    let mut file = OpenOptions::new().read(true).write(true).open(GUIDE).unwrap();
    // The tests run at the same time, each in a process of its own.
    file.lock().unwrap();
    let mut guide = String::new();
    file.read_to_string(&mut guide).unwrap();
    let (begin, end) = (format!("<!-- {name}, as the tests found it -->\n\n"), "<!-- end -->");
    let start = guide.find(&begin).unwrap_or_else(|| panic!("{GUIDE} has no part `{begin}`")) + begin.len();
    let stop = start + guide[start..].find(end).unwrap();
    if std::env::var_os("DOMICILE_UPDATE_GUIDE").is_some() {
        guide.replace_range(start..stop, &format!("{found}\n"));
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(guide.as_bytes())).unwrap();
        return;
    }
    assert!(
        guide[start..stop] == format!("{found}\n"),
        "run the tests with DOMICILE_UPDATE_GUIDE=1 to rewrite `{name}` in {GUIDE}:\n{found}"
    );
}

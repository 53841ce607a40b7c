//! Whole files: each refusal next to the same file without the mistake.

use std::path::Path;
use std::time::Duration;

use super::{ColumnType, Config, From, Location, Problems, WriteMode};

/// A file that has everything.
pub(super) const FULL: &str = r#"#:schema ./domicile.schema.json
control = "sqlite:control.sqlite"
home_url = "sqlite:homes/{home}.sqlite"

[homes]
iberia = ["ES", "PT"]
france = "FR"
germany = { url = "sqlite:${DATA_DIR:-.}/de.sqlite", keys = ["DE",
  "AT"] }

[batch]
rows = 50000
[delivery]
commit_seconds = 0.5
parallel = 2

[[source]]
name = "orders"
url = "sqlite:source.sqlite"
table = "order_lines"
cursor = "id"
key = "country_code(country)"
ignore = "status = 'test'"
columns = { amount = "decimal(12,2)" }

[[source.analyser]]
into = "orders"
sql = "SELECT id, country FROM record"
key = ["id"]
write = "replace"

[[source.analyser]]
name = "totals"
into = "orders_by_country"
sql = "SELECT country, count(*) AS n FROM record GROUP BY country"
write = "merge"
"#;

fn read(text: &str) -> Result<Config, Problems> {
    let environment = |name: &str| (name == "SECRET").then(|| String::from("hunter2"));
    Config::read(Path::new("conf/domicile.toml"), text.to_owned(), &environment)
}

/// The problems that the full file has after a change, as `line: message`.
pub(super) fn told(from: &str, to: &str) -> Vec<String> {
    let text = FULL.replacen(from, to, 1);
    assert_ne!(text, FULL, "`{from}` is not in the file");
    let problems = read(&text).err().unwrap_or_default();
    problems
        .iter()
        .for_each(|problem| assert!(problem.help_text().is_some_and(|help| !help.is_empty()), "{problem:?}"));
    problems.iter().map(|problem| format!("{}: {problem}", problem.line())).collect()
}

#[test]
fn a_full_file_is_read() {
    let config = read(FULL).unwrap();
    assert!(config.control.location == Location::Sqlite("conf/control.sqlite".into()));
    let homes: Vec<_> = config.homes.iter().map(|home| home.home.as_str()).collect();
    assert_eq!(homes, ["iberia", "france", "germany"]);
    let paths = ["conf/homes/iberia.sqlite", "conf/homes/france.sqlite", "conf/./de.sqlite"];
    assert!(config.homes.iter().zip(paths).all(|(home, path)| home.database.location == Location::Sqlite(path.into())));
    assert_eq!(config.homes[2].database.to_string(), "sqlite:${DATA_DIR:-.}/de.sqlite");
    let origin = |key: &str| config.placement.home_of(&domicile::RoutingKey::new(key)).unwrap().origin().to_owned();
    assert_eq!(
        (origin("PT"), origin("AT")),
        (String::from("conf/domicile.toml:6"), String::from("conf/domicile.toml:9"))
    );

    assert_eq!((config.batch.rows, config.batch.bytes), (50_000, 4_194_304));
    assert_eq!(config.delivery.commit_interval, Some(Duration::from_millis(500)));
    assert_eq!((config.delivery.commit_rows, config.delivery.open_homes, config.delivery.parallel), (100_000, 128, 2));
    assert!(!config.delivery.add_columns, "nobody's tables are changed unasked");

    let [source] = config.sources.as_slice() else { panic!("one source") };
    assert_eq!((source.name.as_str(), &source.from), ("orders", &From::Table(String::from("order_lines"))));
    assert_eq!(source.columns["amount"], ColumnType::Decimal { precision: 12, scale: 2 });
    let names: Vec<_> = source.analysers.iter().map(|analyser| (analyser.name.as_str(), analyser.write)).collect();
    assert_eq!(names, [("orders", WriteMode::Replace), ("totals", WriteMode::Merge)]);
    assert_eq!(config.document.line(&source.analysers[1].setting.key("sql")), 35);
}

#[test]
fn a_list_of_keys_is_a_home_for_each() {
    let table = &FULL[FULL.find("[homes]").unwrap()..FULL.find("[batch]").unwrap()];
    let list = |keys: &str| FULL.replacen(table, "", 1).replacen("\n\n", &format!("\nhomes = {keys}\n"), 1);
    let config = read(&list("[\"ES\",\n  \"FR\"]")).unwrap();
    let names: Vec<_> = config.homes.iter().map(|home| home.home.as_str()).collect();
    assert_eq!(names, ["es", "fr"]);
    let key = domicile::RoutingKey::new("FR");
    assert_eq!(config.placement.home_of(&key).unwrap().origin(), "conf/domicile.toml:5");
    assert!(config.delivery.parallel >= 1);

    let refused = |keys: &str| {
        read(&list(keys))
            .unwrap_err()
            .iter()
            .map(|problem| format!("{}:{}: {problem}", problem.line(), problem.column()))
            .collect::<Vec<_>>()
    };
    assert_eq!(refused("['ES', 'es']"), ["4:16: the keys `es` and `ES` would give two homes the same name"]);
    assert_eq!(refused("['E S']"), ["4:10: the key `E S`, in lower case, is not a name for a home"]);
    assert_eq!(refused("['']"), ["4:10: a routing key is empty"]);
    assert_eq!(refused("[]"), ["4:9: there are no homes"]);
    assert_eq!(
        refused("['ES', 'ES']"),
        ["4:16: the routing key `ES` is placed twice: by `homes[0]` in line 4, and in line 4"]
    );
    let without_url = list("['ES', 'FR']").replacen("home_url", "#", 1);
    assert_eq!(
        read(&without_url).unwrap_err().to_string().lines().next().unwrap(),
        "conf/domicile.toml:4:9: error: missing setting `home_url`, which 2 of the homes need"
    );
}

#[test]
fn five_different_mistakes_are_told_at_once() {
    let text = FULL
        .replacen("home_url =", "hom_url =", 1)
        .replacen("\"PT\"", "\"FR\"", 1)
        .replacen("rows = 50000", "rows = \"many\"", 1)
        .replacen("decimal(12,2)", "money", 1)
        .replacen("write = \"replace\"", "write \"replace\"", 1)
        .replacen("\"orders_by_country\"", "\"domicile_totals\"", 1);
    let expected = "\
conf/domicile.toml:3:1: error: unknown setting `hom_url`
  help: did you mean `home_url`?
conf/domicile.toml:7:10: error: the routing key `FR` is placed twice: by `homes.iberia[1]` in line 6, and in line 7
  help: a key has one home: remove it from one of the two
conf/domicile.toml:12:8: error: `batch.rows` must be a whole number, not a text
  help: write it as in `rows = 12288`
conf/domicile.toml:24:22: error: `money` is not the type of a column
  help: the types are `text`, `integer`, `unsigned`, `float`, `boolean`, `date`, `time`, `timestamp`, `timestamptz`, `uuid`, `json`, `bytes`, `decimal(12,2)`
conf/domicile.toml:30:7: error: key with no value
  help: TOML expects `=`
conf/domicile.toml:34:8: error: `domicile_totals` is reserved: `domicile_` begins the program's own tables
  help: give the table another name";
    assert_eq!(read(&text).unwrap_err().to_string(), expected);
}

#[test]
fn homes_are_checked() {
    for (from, to, expected) in [
        ("france =", "Frankreich =", "7: `Frankreich` is not a name for a home"),
        ("france = \"FR\"", "control = \"FR\"", "7: `control` is below `[homes]`, where it is the name of a home"),
        ("{home}.sqlite", "one.sqlite", "3: `home_url` names one database for 2 homes"),
        ("home_url = \"sqlite:homes/{home}.sqlite\"", "", "5: missing setting `home_url`, which 2 of the homes need"),
        ("sqlite:homes", "oracle:homes", "3: databases of the kind `oracle:` are not supported"),
        ("sqlite:control", "postgres:control", "2: the URL of a PostgreSQL is refused: it names no host"),
        ("${DATA_DIR:-.}", "${DATA_DIR}", "8: the environment variable `DATA_DIR` is not set"),
        ("parallel = 2", "parallel = 200", "15: 200 homes cannot be delivered to at once with 128 connections"),
        ("rows = 50000", "rows = 1000001", "12: `batch.rows` must be at most 1000000, but is 1000001"),
        ("rows = 50000", "bytes = 1023", "12: `batch.bytes` must be at least 1024, but is 1023"),
        ("rows = 50000", "rows = 0", "12: `batch.rows` must be at least 1, but is 0"),
    ] {
        assert_eq!(told(from, to), [expected]);
    }
    for (from, to) in [
        ("france =", "fr-1 ="),
        ("france = \"FR\"", "france = []"),
        ("rows = 50000", "rows = 1000000"),
        ("rows = 50000", "rows = 1\nbytes = 1024"),
        ("parallel = 2", "parallel = 0"),
        ("${DATA_DIR:-.}", "${SECRET}"),
    ] {
        assert_eq!(told(from, to), [""; 0], "{to}");
    }
}

#[test]
fn sources_and_analysers_are_checked() {
    let second = |change: &str| {
        format!(
            "[[source]]\nurl = 'sqlite:source.sqlite'\ncursor = 'id'\nkey = \
             'k'\n{change}\n[[source.analyser]]\ninto = 't'\nsql = 'SELECT 1'\n\n[[source]]\nname ="
        )
    };
    let query = second("query = 'SELECT 1'");
    let (same_name, other_name) = (second("table = 'orders'"), second("table = 'payments'"));
    for (from, to, expected) in [
        ("table = \"order_lines\"", "", "17: missing setting `table` or `query`"),
        (
            "cursor =",
            "query = 'SELECT 1'\ncursor =",
            "21: a source has a `table` or a `query`, not both; `table` is in line 20",
        ),
        ("cursor = \"id\"", "", "17: missing setting `cursor`"),
        ("country_code(country)", " ", "22: `source[0].key` is empty"),
        ("[[source]]\nname =", query.as_str(), "17: a source with a `query` needs a `name`"),
        ("[[source]]\nname =", same_name.as_str(), "27: the source in line 21 has the name `orders` as well"),
        ("[[source.analyser]]\ninto = \"orders\"", "[[source.analyser]]", "26: missing setting `into`"),
        ("key = [\"id\"]", "key = []", "30: `write = \"replace\"` needs a `key`"),
        ("key = [\"id\"]", "", "30: `write = \"replace\"` needs a `key`"),
        ("key = [\"id\"]", "key = ['id', 'id']", "29: the column `id` is in the key twice"),
        ("name = \"totals\"", "name = \"orders\"", "33: the analyser in line 26 has the name `orders` as well"),
        (
            "\"orders_by",
            "\"Domicile_by",
            "34: `Domicile_by_country` is reserved: `domicile_` begins the program's own tables",
        ),
        ("\"merge\"", "\"upsert\"", "36: `source[0].analyser[1].write` cannot be `upsert`"),
        ("source.sqlite", "{home}.sqlite", "19: `{home}` means nothing here"),
    ] {
        assert_eq!(told(from, to), [expected]);
    }
    for (from, to) in [
        ("[[source]]\nname =", other_name.as_str()),
        ("table = \"order_lines\"", "query = 'SELECT 1'"),
        ("name = \"orders\"", ""),
        ("key = [\"id\"]\nwrite = \"replace\"", ""),
        ("key = [\"id\"]", "key = 'id'"),
    ] {
        assert_eq!(told(from, to), [""; 0], "{to}");
    }
    let without = &FULL[..FULL.find("[[source]]").unwrap()];
    assert!(
        read(without).unwrap_err().to_string().contains("missing setting `source`\n  help: add a `[[source]]` table")
    );
    let without = &FULL[..FULL.find("[[source.analyser]]").unwrap()];
    assert!(read(without).unwrap_err().to_string().contains("domicile.toml:17:1: error: missing setting `analyser`"));
}

#[test]
fn what_the_environment_holds_is_never_shown() {
    let secret = "\"${SECRET}\"";
    let text = FULL
        .replacen("\"sqlite:control.sqlite\"", secret, 1)
        .replacen("\"sqlite:source.sqlite\"", "\"sqlite:${SECRET}/${SECRET}?x\"", 1)
        .replacen("[\"ES\", \"PT\"]", "[\"${SECRET}\", \"${SECRET}\"]", 1)
        .replacen("\"decimal(12,2)\"", secret, 1)
        .replacen("\"replace\"", secret, 1)
        .replacen("rows = 50000", &format!("rows = {secret}"), 1)
        .replacen("[\"id\"]", &format!("[{secret}, {secret}]"), 1);
    let problems = read(&text).unwrap_err();
    assert_eq!(problems.len(), 7, "{problems}");
    let json = serde_json::to_string(&problems).unwrap();
    for output in [problems.to_string(), format!("{problems:?}"), json] {
        assert!(!output.contains("hunter2"), "{output}");
        assert!(output.contains("${SECRET}"), "{output}");
    }
    let everywhere = FULL.replacen("order_lines", "${SECRET}", 1).replacen("SELECT id", "SELECT '${SECRET}'", 1);
    let config = read(&everywhere.replacen("sqlite:source", "sqlite:${SECRET}", 1)).unwrap();
    assert_eq!(config.sources[0].from, From::Table(String::from("hunter2")));
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("domicile.toml");
    assert!(Config::load(&path).unwrap_err().to_string().contains("the configuration cannot be read: "));
    std::fs::write(&path, b"a = 1\nb = '\xff'\n").unwrap();
    let problems = Config::load(&path).unwrap_err();
    assert!(problems.to_string().contains("domicile.toml:2:6: error: the configuration is not UTF-8"), "{problems}");
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_mistake_of_syntax_makes_nothing_seem_missing() {
    assert_eq!(
        told("control = \"sqlite:control.sqlite\"", "control \"sqlite:control.sqlite\""),
        ["2: key with no value"]
    );
    assert_eq!(told("[\"ES\", \"PT\"]", "[\"ES\", \"PT\""), ["6: unclosed array"]);
    assert_eq!(told("cursor = \"id\"", "cursor = \"id"), ["21: invalid basic string"]);
    assert_eq!(told("key = [\"id\"]", "key = [\"id\"]\nkey = 'id'"), ["30: `key` is set twice"]);
}

#[test]
fn the_configuration_of_the_readme_is_read() {
    let readme = include_str!("../../../../README.md");
    // Dependencies of Cargo are TOML as well.
    let shown = readme.split("```toml\n").skip(1).find(|shown| shown.starts_with("control = "));
    let (text, _) = shown.expect("it shows a configuration").split_once("```").expect("which ends");
    let config = read(text).unwrap();
    assert_eq!((config.homes.len(), config.sources[0].analysers.len()), (2, 2));
}

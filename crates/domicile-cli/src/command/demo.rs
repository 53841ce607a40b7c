//! `domicile demo`

use std::fmt::Display;
use std::fs;
use std::path::Path;

use domicile_pipeline::{Report, config::json_schema};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{Ended, run};
use crate::cli::{Configured, Demo};
use crate::demo::{config, orders};
use crate::output::{line, report, table};
use crate::telemetry::Telemetry;

pub(crate) fn demo(arguments: &Demo) -> Ended {
    let dir = &arguments.dir;
    if is_strange(dir) {
        let path = dir.display();
        report::failure(&format!(
            "there is a source or a configuration in {path} that no demonstration has made; name another folder"
        ));
        return Ended::Wrong;
    }
    if let Err(message) = prepare(arguments) {
        return report::failure(&format!("the demonstration cannot be made in {}: {message}", dir.display()));
    }
    let configured = Configured { config: dir.join("domicile.toml"), json: false };
    line(&format!("$ domicile run {}", configured.config.display()));
    let done = match run::sync(&configured, None, &mut Telemetry::for_people()) {
        Ok(Ok(Some(done))) => done,
        Ok(Ok(None)) => return Ended::Stopped,
        Ok(Err(error)) => return report::error(&error, false),
        Err(ended) => return ended,
    };
    match arrived(dir, &done) {
        Ok(()) => match Ended::from(&done) {
            // Records in quarantine are part of the demonstration.
            Ended::DoneWithQuarantine => Ended::Done,
            ended => ended,
        },
        Err(error) => report::failure(&format!("what arrived cannot be read: {error}")),
    }
}

/// Whether somebody else's source or configuration is in a folder.
fn is_strange(dir: &Path) -> bool {
    let source = dir.join("source.sqlite");
    if source.exists() { !orders::is_made_here(&source) } else { dir.join("domicile.toml").exists() }
}

/// Makes the source, or adds to it, and writes the configuration where there is none.
fn prepare(arguments: &Demo) -> Result<(), Box<dyn Display>> {
    let boxed = |error: std::io::Error| -> Box<dyn Display> { Box::new(error) };
    let dir = &arguments.dir;
    fs::create_dir_all(dir).map_err(boxed)?;
    let source = dir.join("source.sqlite");
    let config = dir.join("domicile.toml");
    let written = if source.exists() {
        let written = orders::append(&source, arguments.new).map_err(|error| Box::new(error) as Box<dyn Display>)?;
        line(&format!("added {} new orders to {}", written.orders, source.display()));
        written
    } else {
        // Under another name first, so that an interrupted start leaves no half-made source behind.
        let unfinished = dir.join("source.sqlite.unfinished");
        let _ = fs::remove_file(&unfinished);
        let written =
            orders::create(&unfinished, arguments.scale).map_err(|error| Box::new(error) as Box<dyn Display>)?;
        fs::rename(&unfinished, &source).map_err(boxed)?;
        line(&format!("made {} with {} orders of 25 countries, interleaved", source.display(), written.orders));
        written
    };
    line(&format!("  {} of them name no country that anybody could find", written.hopeless));
    if !config.exists() {
        fs::write(&config, config::toml()).map_err(boxed)?;
    }
    let schema = serde_json::to_string_pretty(&json_schema()).expect("a schema is plain data");
    fs::write(dir.join("domicile.schema.json"), schema + "\n").map_err(boxed)
}

/// Shows what is in every home and in quarantine, read from the databases themselves.
fn arrived(dir: &Path, done: &Report) -> rusqlite::Result<()> {
    let Some(source) = done.sources.first() else { return Ok(()) };
    let mut rows = Vec::new();
    let mut cents = 0;
    for home in &source.homes {
        let found = Found::read(&dir.join("homes").join(format!("{}.sqlite", home.home)));
        cents += found.cents.unwrap_or(0);
        let mut row = vec![home.home.clone(), home.account.delivered.to_string()];
        row.extend([found.orders, found.customers, found.daily_sales].map(shown));
        row.push(found.cents.map_or_else(|| shown(None), money));
        row.push(home.failure.clone().unwrap_or_default());
        rows.push(row);
    }
    line("");
    table::print(&["home", "new records", "orders", "customers", "daily_sales", "revenue", ""], &rows);
    let total = source.total();
    line("");
    line(&format!("this run: {} read = {} delivered + {} quarantined", total.read, total.delivered, total.quarantined));
    line(&format!("all homes together: revenue {}", money(cents)));
    if let Ok(control) = open(&dir.join("control.sqlite")) {
        quarantine(&control)?;
    }
    next_steps(dir);
    Ok(())
}

fn next_steps(dir: &Path) {
    let program = program();
    let path = |name: &str| quoted(&dir.join(name).display().to_string());
    let config = path("domicile.toml");
    line("");
    line("What to try next:");
    for (what, command) in [
        ("where records go, and why", format!("{program} explain {config} --limit 3")),
        ("new orders come; only those are synced", format!("{program} demo {}", quoted(&dir.display().to_string()))),
        ("after changing something in it", format!("{program} check {config}")),
        ("what a home holds", format!("sqlite3 {} 'SELECT * FROM daily_sales LIMIT 5'", path("homes/france.sqlite"))),
    ] {
        line(&format!("  {command}    # {what}"));
    }
}

/// What is in a home; `None` where it cannot be read, or lacks the table because the configuration was changed.
#[derive(Default)]
struct Found {
    orders: Option<i64>,
    customers: Option<i64>,
    daily_sales: Option<i64>,
    cents: Option<i64>,
}

impl Found {
    fn read(path: &Path) -> Self {
        let Ok(home) = open(path) else { return Self::default() };
        let count = |sql: &str| home.query_row(sql, [], |row| row.get(0)).ok();
        Self {
            orders: count("SELECT count(*) FROM orders"),
            customers: count("SELECT count(*) FROM customers"),
            daily_sales: count("SELECT count(*) FROM daily_sales"),
            cents: count("SELECT coalesce(sum(CAST(round(revenue * 100) AS INTEGER)), 0) FROM daily_sales"),
        }
    }
}

fn shown(count: Option<i64>) -> String {
    count.map_or_else(|| String::from("-"), |count| count.to_string())
}

/// How this program was called, so that what is suggested can be typed as it stands.
fn program() -> String {
    quoted(&std::env::args().next().unwrap_or_else(|| String::from("domicile")))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+:".contains(char);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn quarantine(control: &Connection) -> rusqlite::Result<()> {
    let has_table = control
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'domicile_quarantine'", [], |_| Ok(()))
        .optional()?;
    if has_table.is_none() {
        return Ok(());
    }
    let count: i64 = control.query_row("SELECT count(*) FROM domicile_quarantine", [], |row| row.get(0))?;
    line(&format!("in quarantine (control.sqlite, table domicile_quarantine): {count}, for example"));
    let mut statement = control.prepare(
        "SELECT min(CAST(position AS INTEGER)), reason FROM domicile_quarantine
         GROUP BY reason ORDER BY reason LIKE '%did you mean%' DESC, count(*) DESC, 1 LIMIT 3",
    )?;
    let examples = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    for example in examples {
        let (position, reason) = example?;
        line(&format!("  order {position}: {reason}"));
    }
    Ok(())
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

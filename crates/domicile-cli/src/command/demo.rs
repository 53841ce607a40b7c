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

pub(crate) fn demo(arguments: &Demo) -> Ended {
    let dir = &arguments.dir;
    if let Err(message) = prepare(arguments) {
        return report::failure(&format!("the demonstration cannot be made in {}: {message}", dir.display()));
    }
    let configured = Configured { config: dir.join("domicile.toml"), json: false };
    line(&format!("$ domicile run {}", configured.config.display()));
    let done = match run::sync(&configured) {
        Ok(done) => done,
        Err(error) => return report::error(&error, false),
    };
    match arrived(dir, &done) {
        // Records in quarantine are part of the demonstration, so they are no reason for another exit code.
        Ok(()) if !done.has_failed() => Ended::Done,
        Ok(()) => Ended::Failed,
        Err(error) => report::failure(&format!("what arrived cannot be read: {error}")),
    }
}

/// Makes the source, or adds to it, and writes the configuration where there is none.
fn prepare(arguments: &Demo) -> Result<(), Box<dyn Display>> {
    let boxed = |error: std::io::Error| -> Box<dyn Display> { Box::new(error) };
    let dir = &arguments.dir;
    fs::create_dir_all(dir).map_err(boxed)?;
    let source = dir.join("source.sqlite");
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
    let config = dir.join("domicile.toml");
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
        let connection = open(&dir.join("homes").join(format!("{}.sqlite", home.home)))?;
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let revenue = count("SELECT coalesce(sum(CAST(round(revenue * 100) AS INTEGER)), 0) FROM daily_sales")?;
        cents += revenue;
        rows.push(vec![
            home.home.clone(),
            home.account.delivered.to_string(),
            count("SELECT count(*) FROM orders")?.to_string(),
            count("SELECT count(*) FROM customers")?.to_string(),
            count("SELECT count(*) FROM daily_sales")?.to_string(),
            money(revenue),
            home.failure.clone().unwrap_or_default(),
        ]);
    }
    line("");
    table::print(&["home", "new records", "orders", "customers", "daily_sales", "revenue", ""], &rows);
    let total = source.total();
    line("");
    line(&format!("this run: {} read = {} delivered + {} quarantined", total.read, total.delivered, total.quarantined));
    line(&format!("all homes together: revenue {}", money(cents)));
    quarantine(&open(&dir.join("control.sqlite"))?)?;
    let dir = dir.display();
    line("");
    line("What to try next:");
    line(&format!("  domicile explain {dir}/domicile.toml --limit 3     where records go, and why"));
    line(&format!("  domicile demo {dir}                                new orders come; only those are synced"));
    line(&format!("  domicile check {dir}/domicile.toml                 after changing something in it"));
    line(&format!("  sqlite3 {dir}/homes/france.sqlite 'SELECT * FROM daily_sales LIMIT 5'"));
    Ok(())
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
        "SELECT min(position), reason FROM domicile_quarantine
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

//! One folder for each database, with the same files in each: how it is read, how it is written, which types it has.
//!
//! This file is the one place that tells them apart.

mod bounds;
mod column;
#[cfg(test)]
mod each_type;
mod fit;
mod given;
mod last;
pub(crate) mod mysql;
mod passing;
pub(crate) mod postgres;
mod progress;
#[cfg(test)]
mod round_trip;
mod rows;
mod settle;
pub(crate) mod sqlite;
mod tls;

use crate::config::{Database, Document, Location, SourceConfig};
use crate::control::Control;
use crate::deliver::{Delivered, Delivery};
use crate::error::Failure;
use crate::quarantine::Store;
use crate::source::{NotOpened, Source};
use crate::verify::Contents;
pub(crate) use settle::WAIT as WRITERS_WAITED_FOR;

/// What is told of a server that takes a connection and then says nothing.
const UNANSWERED: &str = "the server does not answer in the time of `connect_timeout`";

/// So many counts of records are asked for in one statement.
const COUNTS_AT_ONCE: usize = 32;

/// The table that says which home a database is, where somebody has put it there.
const MARKER: &str = "domicile_home";

/// The table that says how far the database has got.
pub(crate) const POSITION: &str = "domicile_position";

/// The table that says what became of the records of each transaction.
pub(crate) const ACCOUNT: &str = "domicile_account";

/// The table that remembers what is read again.
pub(crate) const SEEN: &str = "domicile_seen";

/// The table that keeps what was not delivered.
pub(crate) const QUARANTINE: &str = "domicile_quarantine";

/// Columns of it that were not there from the beginning; `resolved_at` is the time among them, and the others are text.
pub(crate) const ADDED: [&str; 7] = ["about", "shape", "home", "resolution", "resolved_at", "resolved_by", "note"];

/// What of it a verification compares, in a database that has these columns of it.
fn compared_of_quarantine<'a>(columns: impl Iterator<Item = &'a str> + Clone) -> String {
    let column =
        |name: &str| if columns.clone().any(|column| column == name) { name.to_owned() } else { String::from("NULL") };
    format!(
        "SELECT position, number, record, {}, {} FROM {QUARANTINE} WHERE source =",
        column("resolution"),
        column("home")
    )
}

/// Quotes an identifier for SQL.
type Quote = fn(&str) -> String;

/// Opens a source without writing to it, and learns its columns.
pub(crate) async fn source(config: &SourceConfig, document: &Document) -> Result<Box<dyn Source>, NotOpened> {
    match &config.database.location {
        Location::Sqlite(path) => Ok(Box::new(sqlite::source::SqliteSource::open(path, config, document)?)),
        Location::MySql(server) => Ok(Box::new(mysql::source::MySqlSource::open(server, config, document).await?)),
        Location::Postgres(server) => {
            Ok(Box::new(postgres::source::PostgresSource::open(server, config, document).await?))
        }
    }
}

/// One source's way into a database.
pub(crate) fn delivery(database: &Database, delivered: Delivered) -> Box<dyn Delivery> {
    match &database.location {
        Location::Sqlite(path) => Box::new(sqlite::delivery::SqliteDelivery::new(path.clone(), delivered)),
        Location::MySql(server) => Box::new(mysql::delivery::MySqlDelivery::new((**server).clone(), delivered)),
        Location::Postgres(server) => {
            Box::new(postgres::delivery::PostgresDelivery::new((**server).clone(), delivered))
        }
    }
}

/// A way into a database that also works on its quarantine.
pub(crate) fn store(database: &Database, delivered: Delivered) -> Box<dyn Store> {
    match &database.location {
        Location::Sqlite(path) => Box::new(sqlite::delivery::SqliteDelivery::new(path.clone(), delivered)),
        Location::MySql(server) => Box::new(mysql::delivery::MySqlDelivery::new((**server).clone(), delivered)),
        Location::Postgres(server) => {
            Box::new(postgres::delivery::PostgresDelivery::new((**server).clone(), delivered))
        }
    }
}

/// Whether two databases that say the same of themselves are on one server.
pub(crate) async fn is_one_server(one: &Database, other: &Database) -> Result<bool, Failure> {
    match (&one.location, &other.location) {
        (Location::MySql(one), Location::MySql(other)) => mysql::identity::is_one_server(one, other).await,
        // What a PostgreSQL says of itself no other one says.
        _ => Ok(true),
    }
}

/// The way into a control database for what it keeps from run to run.
pub(crate) fn control(database: &Database) -> Box<dyn Control> {
    match &database.location {
        Location::Sqlite(path) => Box::new(sqlite::control::SqliteControl::new(path.clone())),
        Location::MySql(server) => Box::new(mysql::control::MySqlControl::new((**server).clone())),
        Location::Postgres(server) => Box::new(postgres::control::PostgresControl::new((**server).clone())),
    }
}

/// A look into a database.
pub(crate) fn contents(database: &Database) -> Box<dyn Contents> {
    match &database.location {
        Location::Sqlite(path) => Box::new(sqlite::contents::SqliteContents::new(path.clone())),
        Location::MySql(server) => Box::new(mysql::contents::MySqlContents::new((**server).clone())),
        Location::Postgres(server) => Box::new(postgres::contents::PostgresContents::new((**server).clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use crate::config::Config;
    use crate::plan::any_delivery;

    /// How old a home's transaction becomes in a database with this URL, with a line of the configuration.
    fn commit_interval(url: &str, line: &str) -> Duration {
        let text = format!(
            "control = \"sqlite:control.sqlite\"\nhomes = {{ es = {{ keys = [\"ES\"], url = \"{url}\" }} }}\n{line}\n\
             [[source]]\nurl = \"sqlite:source.sqlite\"\ntable = \"orders\"\ncursor = \"id\"\nkey = \"country\"\n\
             [[source.analyser]]\ninto = \"orders\"\nsql = \"SELECT * FROM record\"\n"
        );
        let config = Config::read(Path::new("domicile.toml"), text, &|_| None).unwrap();
        config.delivery.commit_interval.unwrap_or_else(|| any_delivery(&config.homes[0].database).commit_interval())
    }

    #[test]
    fn a_transaction_is_short_only_where_nobody_else_can_write_meanwhile() {
        let (short, long) = (Duration::from_secs(1), Duration::from_secs(10));
        for (url, expected) in [
            ("sqlite:es.sqlite", short),
            ("postgres://user@localhost/es", long),
            ("mysql://user@localhost/es", long),
            ("mariadb://user@localhost/es", long),
        ] {
            assert_eq!(commit_interval(url, ""), expected, "{url}");
            let said = "delivery.commit_seconds = 2.5";
            assert_eq!(commit_interval(url, said), Duration::from_millis(2_500), "{url}");
        }
    }
}

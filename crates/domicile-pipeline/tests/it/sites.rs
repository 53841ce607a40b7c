//! Where the databases of a test are: on a server, or in files.

use domicile_testkit::Server;
use tempfile::TempDir;

use crate::fixture::{self, open};

pub(crate) trait Site: Sync {
    fn create_database(&self, name: &str);

    fn url(&self, database: &str) -> String;

    fn sql(&self, database: &str, sql: &str);

    /// What a query gives; a row is its values with `|` between them.
    fn rows(&self, database: &str, sql: &str) -> Vec<String>;
}

impl Site for Server {
    fn create_database(&self, name: &str) {
        self.create_database(name);
    }

    fn url(&self, database: &str) -> String {
        self.url(database)
    }

    fn sql(&self, database: &str, sql: &str) {
        self.sql(database, sql);
    }

    fn rows(&self, database: &str, sql: &str) -> Vec<String> {
        self.sql(database, sql).lines().map(|line| line.replace('\t', "|")).collect()
    }
}

/// A folder with a file of SQLite for each database.
impl Site for TempDir {
    /// A file is made by whoever opens it first.
    fn create_database(&self, _: &str) {}

    fn url(&self, database: &str) -> String {
        format!("sqlite:{}", self.path().join(database).display())
    }

    fn sql(&self, database: &str, sql: &str) {
        open(&self.path().join(database)).execute_batch(sql).unwrap();
    }

    fn rows(&self, database: &str, sql: &str) -> Vec<String> {
        fixture::rows(&open(&self.path().join(database)), sql)
    }
}

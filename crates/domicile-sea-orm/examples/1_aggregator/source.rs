//! The remote database that orders come from.

use std::path::Path;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement};

/// How many records are in memory at a time.
const BATCH: i64 = 1000;

/// An order. As it comes its country is what somebody has typed, or empty; the aggregator puts the code there.
#[derive(Debug, FromQueryResult)]
pub(crate) struct Record {
    pub(crate) id: i64,
    pub(crate) country: String,
    pub(crate) customer_id: i64,
    pub(crate) customer: String,
    pub(crate) day: String,
    pub(crate) cents: i64,
}

/// What is in the source in the first round.
pub(crate) const FIRST_ORDERS: &str = "
    (1, '  españa', 1, 'Ana', '2024-05-02', 1990), (2, 'France', 1, 'Anne', '2024-05-02', 4500),
    (3, 'PT', 2, 'Rui', '2024-05-02', 1235), (4, 'FRA', 2, 'Luc', '2024-05-02', 800),
    (5, 'Atlantis', 1, 'Atlas', '2024-05-02', 9900), (6, 'Spanien', 1, 'Ana', '2024-05-02', 710)";

/// What has come until the second round. Italy is a country, but none of ours.
pub(crate) const LATER_ORDERS: &str = "
    (7, 'france ', 1, 'Anne', '2024-05-02', -4500), (8, 'Italia', 1, 'Anna', '2024-05-03', 3300),
    (9, 'ESP', 3, 'Luis', '2024-05-03', 2500), (10, NULL, 4, 'N. N.', '2024-05-03', 100),
    (11, 'Frankreich', 2, 'Luc', '2024-05-03', 650), (12, 'Portugal', 2, 'Rui', '2024-05-03', -1235)";

#[derive(Clone)]
pub(crate) struct Source {
    remote: DatabaseConnection,
}

impl Source {
    pub(crate) async fn open(folder: &Path) -> Result<Self, DbErr> {
        let remote = Database::connect(format!("sqlite:{}?mode=rwc", folder.join("remote.sqlite").display())).await?;
        let create = "CREATE TABLE orders (id INTEGER PRIMARY KEY, country TEXT, customer_id INTEGER NOT NULL,
                      customer TEXT NOT NULL, day TEXT NOT NULL, cents INTEGER NOT NULL)";
        remote.execute_unprepared(create).await?;
        Ok(Self { remote })
    }

    /// Plays the shops that fill the source.
    pub(crate) async fn receive(&self, orders: &str) -> Result<(), DbErr> {
        self.remote.execute_unprepared(&format!("INSERT INTO orders VALUES {orders}")).await.map(drop)
    }

    /// Returns the next records. A source that several transactions fill at once needs more care than this, because a
    /// lower number may be committed after a higher one.
    pub(crate) async fn after(&self, position: i64) -> Result<Vec<Record>, DbErr> {
        let sql = "SELECT id, coalesce(country, '') AS country, customer_id, customer, day, cents
                   FROM orders WHERE id > ? ORDER BY id LIMIT ?";
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, [position.into(), BATCH.into()]);
        Record::find_by_statement(statement).all(&self.remote).await
    }
}

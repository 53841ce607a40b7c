//! Where orders are kept that have no home, in a database that is none.

use std::path::Path;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement};

/// An order that was kept aside, and why.
#[derive(Debug, FromQueryResult)]
pub(crate) struct Kept {
    pub(crate) id: i64,
    pub(crate) reason: String,
}

#[derive(Clone)]
pub(crate) struct Quarantine {
    control: DatabaseConnection,
}

impl Quarantine {
    pub(crate) async fn open(folder: &Path) -> Result<Self, DbErr> {
        let control = Database::connect(format!("sqlite:{}?mode=rwc", folder.join("control.sqlite").display())).await?;
        control.execute_unprepared("CREATE TABLE quarantine (id INTEGER PRIMARY KEY, reason TEXT NOT NULL)").await?;
        Ok(Self { control })
    }

    pub(crate) async fn keep(&self, id: i64, reason: String) -> Result<(), DbErr> {
        let sql = "REPLACE INTO quarantine (id, reason) VALUES (?, ?)";
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, [id.into(), reason.into()]);
        self.control.execute_raw(statement).await.map(drop)
    }

    pub(crate) async fn all(&self) -> Result<Vec<Kept>, DbErr> {
        let statement = Statement::from_string(DbBackend::Sqlite, "SELECT id, reason FROM quarantine ORDER BY id");
        Kept::find_by_statement(statement).all(&self.control).await
    }
}

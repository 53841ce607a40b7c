//! The connection of SeaORM: a statement goes to its home.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use crate::backend::Backend;
use crate::error::Failed;
use crate::homes::{Homes, Leased};

impl<DB: Backend> Leased<DB> {
    /// Waits for work on the connection, or for the refusal of the database that it was reopened to.
    pub(crate) async fn guarded<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let guarded = self.lease.guarded(async { work.await.map_err(Failed) }).await;
        let guarded = guarded.map_err(|failed| failed.0);
        if let Err(DbErr::ConnectionAcquire(_)) = &guarded {
            // It did not answer, or is in use still: nobody else shall wait for it.
            self.lease.discard();
        }
        guarded
    }
}

#[async_trait]
impl<DB: Backend> ConnectionTrait for Homes<DB> {
    fn get_database_backend(&self) -> DbBackend {
        DB::BACKEND
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let leased = self.lease(&statement).await?;
        leased.guarded(leased.connection.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let leased = self.lease_text(sql).await?;
        leased.guarded(leased.connection.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let leased = self.lease(&statement).await?;
        leased.guarded(leased.connection.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let leased = self.lease(&statement).await?;
        leased.guarded(leased.connection.query_all_raw(statement)).await
    }
}

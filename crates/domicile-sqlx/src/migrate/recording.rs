//! Noting what sqlx's migrator applies.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration};

use crate::capability::Capability;

/// A connection that sqlx's migrator works on, which notes what was applied by it. What is pending before is no answer:
/// another migrator may have the lock, and apply it meanwhile.
pub(super) struct Recording<'c, DB: Capability> {
    connection: &'c mut DB::Connection,
    pub(super) applied: Vec<i64>,
}

impl<'c, DB: Capability> Recording<'c, DB> {
    pub(super) fn new(connection: &'c mut DB::Connection) -> Self {
        Self { connection, applied: Vec::new() }
    }
}

type Done<'e, T> = BoxFuture<'e, Result<T, MigrateError>>;

impl<DB: Capability> Migrate for Recording<'_, DB>
where
    DB::Connection: Migrate,
{
    fn apply<'e>(&'e mut self, table_name: &'e str, migration: &'e Migration) -> Done<'e, Duration> {
        async move {
            let took = self.connection.apply(table_name, migration).await?;
            self.applied.push(migration.version);
            Ok(took)
        }
        .boxed()
    }

    fn create_schema_if_not_exists<'e>(&'e mut self, schema_name: &'e str) -> Done<'e, ()> {
        self.connection.create_schema_if_not_exists(schema_name)
    }

    fn ensure_migrations_table<'e>(&'e mut self, table_name: &'e str) -> Done<'e, ()> {
        self.connection.ensure_migrations_table(table_name)
    }

    fn dirty_version<'e>(&'e mut self, table_name: &'e str) -> Done<'e, Option<i64>> {
        self.connection.dirty_version(table_name)
    }

    fn list_applied_migrations<'e>(&'e mut self, table_name: &'e str) -> Done<'e, Vec<AppliedMigration>> {
        self.connection.list_applied_migrations(table_name)
    }

    fn lock(&mut self) -> Done<'_, ()> {
        async move {
            DB::lock_migrations(self.connection).await?;
            self.connection.lock().await
        }
        .boxed()
    }

    fn unlock(&mut self) -> Done<'_, ()> {
        async move {
            self.connection.unlock().await?;
            Ok(DB::unlock_migrations(self.connection).await?)
        }
        .boxed()
    }

    fn revert<'e>(&'e mut self, table_name: &'e str, migration: &'e Migration) -> Done<'e, Duration> {
        self.connection.revert(table_name, migration)
    }

    fn skip<'e>(&'e mut self, table_name: &'e str, migration: &'e Migration) -> Done<'e, ()> {
        self.connection.skip(table_name, migration)
    }
}

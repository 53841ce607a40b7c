//! PostgreSQL.

use domicile::Home;
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Executor, PgConnection, Postgres};

use super::{Capability, MARKER_TABLE};
use crate::statement::Dialect;

impl Capability for Postgres {
    const DIALECT: Dialect = Dialect::Postgres;

    // A statement cannot leave its database: what stands before a table is a schema of it.
    const QUALIFIER_IS_DATABASE: bool = false;

    fn place(options: &PgConnectOptions) -> Option<String> {
        let database = options.get_database().unwrap_or(options.get_username());
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => options.get_host().to_lowercase(),
        };
        Some(format!("{host}:{}/{database}", options.get_port()))
    }

    fn database_name(options: &PgConnectOptions) -> Option<String> {
        options.get_database().map(str::to_owned)
    }

    fn is_transient(_: &PgConnectOptions) -> bool {
        false
    }

    fn read_only(options: PgConnectOptions) -> PgConnectOptions {
        options.options([("default_transaction_read_only", "on")])
    }

    fn forbid_writes(_: &mut PgConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        async { Ok(()) }.boxed()
    }

    fn identity(connection: &mut PgConnection) -> BoxFuture<'_, Result<Option<String>, sqlx::Error>> {
        // A standby has the identifier of its primary, as it should: it is no other database.
        let sql = "SELECT 'cluster ' || c.system_identifier || ', database ' || d.datname \
                   FROM pg_control_system() c, pg_database d WHERE d.datname = current_database()";
        sqlx::query_scalar(sql).fetch_optional(connection).boxed()
    }

    fn has_table<'c>(connection: &'c mut PgConnection, table: &'c str) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table).fetch_one(connection).boxed()
    }

    fn marker(connection: &mut PgConnection) -> BoxFuture<'_, Result<Option<String>, sqlx::Error>> {
        async {
            if !Self::has_table(&mut *connection, MARKER_TABLE).await? {
                return Ok(None);
            }
            sqlx::query_scalar("SELECT home FROM domicile_home").fetch_optional(connection).await
        }
        .boxed()
    }

    fn mark<'c>(connection: &'c mut PgConnection, home: &'c Home) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        async {
            let create = "CREATE TABLE IF NOT EXISTS domicile_home \
                          (one INTEGER PRIMARY KEY CHECK (one = 1), home TEXT NOT NULL)";
            connection.execute(create).await?;
            let insert = "INSERT INTO domicile_home (one, home) VALUES (1, $1) ON CONFLICT DO NOTHING";
            sqlx::query(insert).bind(home.as_str()).execute(connection).await?;
            Ok(())
        }
        .boxed()
    }
}

//! MySQL and MariaDB.

use domicile::Home;
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{Executor, MySql, MySqlConnection};

use super::{Capability, MARKER_TABLE};
use crate::statement::Dialect;

impl Capability for MySql {
    const DIALECT: Dialect = Dialect::MySql;

    // `SELECT * FROM fr.orders` reads another database of the same server.
    const QUALIFIER_IS_DATABASE: bool = true;

    fn place(options: &MySqlConnectOptions) -> Option<String> {
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => options.get_host().to_lowercase(),
        };
        Some(format!("{host}:{}/{}", options.get_port(), options.get_database().unwrap_or_default()))
    }

    fn database_name(options: &MySqlConnectOptions) -> Option<String> {
        options.get_database().map(str::to_owned)
    }

    fn is_transient(_: &MySqlConnectOptions) -> bool {
        false
    }

    fn read_only(options: MySqlConnectOptions) -> MySqlConnectOptions {
        options
    }

    fn forbid_writes(connection: &mut MySqlConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        async { connection.execute("SET SESSION TRANSACTION READ ONLY").await.map(drop) }.boxed()
    }

    fn identity(connection: &mut MySqlConnection) -> BoxFuture<'_, Result<Option<String>, sqlx::Error>> {
        // MariaDB has no server_uuid. A machine has no two servers with one folder for their data.
        let sql = "SELECT CONCAT('server ', @@hostname, ' ', @@datadir, ', database ', DATABASE())";
        sqlx::query_scalar(sql).fetch_one(connection).boxed()
    }

    fn has_table<'c>(connection: &'c mut MySqlConnection, table: &'c str) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        let exists = "SELECT COUNT(*) > 0 FROM information_schema.tables \
                      WHERE table_schema = DATABASE() AND table_name = ?";
        sqlx::query_scalar(exists).bind(table).fetch_one(connection).boxed()
    }

    fn marker(connection: &mut MySqlConnection) -> BoxFuture<'_, Result<Option<String>, sqlx::Error>> {
        async {
            if !Self::has_table(&mut *connection, MARKER_TABLE).await? {
                return Ok(None);
            }
            sqlx::query_scalar("SELECT home FROM domicile_home").fetch_optional(connection).await
        }
        .boxed()
    }

    fn mark<'c>(connection: &'c mut MySqlConnection, home: &'c Home) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        async {
            let create = "CREATE TABLE IF NOT EXISTS domicile_home \
                          (one INTEGER PRIMARY KEY CHECK (one = 1), home VARCHAR(63) CHARACTER SET utf8mb4 NOT NULL)";
            connection.execute(create).await?;
            let insert = "INSERT IGNORE INTO domicile_home (one, home) VALUES (1, ?)";
            sqlx::query(insert).bind(home.as_str()).execute(connection).await?;
            Ok(())
        }
        .boxed()
    }
}

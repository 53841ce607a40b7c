//! MySQL and MariaDB.

use domicile::Home;
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{Executor, MySql, MySqlConnection};

use super::{Capability, MARKER_TABLE};
use crate::statement::Dialect;

/// How long it is waited for another migrator: longer than migrations take, and not for ever for one that hangs.
const LOCK_WAIT_SECONDS: u32 = 60 * 60;

const NOT_LOCKED: &str = "another program has been migrating this database for an hour, and has not ended; if it hangs, end \
                          its connection, which holds the lock `domicile migrations`";

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
        async {
            // All that a server says of itself: MySQL has a uuid, MariaDB a uid that it makes of its network card and
            // port, and either may be that of a copy. Containers have one folder for their data, and often one name.
            let sql = "SHOW GLOBAL VARIABLES WHERE variable_name IN \
                       ('server_uuid', 'server_uid', 'hostname', 'port', 'datadir')";
            let server: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut *connection).await?;
            let server: Vec<_> = server.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
            let sql = "SELECT IF(@@lower_case_table_names = 0, DATABASE(), LOWER(DATABASE()))";
            let database: Option<String> = sqlx::query_scalar(sql).fetch_one(connection).await?;
            Ok(database.map(|database| format!("server of {}, database {database}", server.join(", "))))
        }
        .boxed()
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

    fn lock_migrations(connection: &mut MySqlConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        lock(connection, LOCK_WAIT_SECONDS).boxed()
    }

    fn unlock_migrations(connection: &mut MySqlConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        let sql = "SELECT RELEASE_LOCK(CONCAT('domicile migrations ', CRC32(DATABASE())))";
        async move { connection.execute(sql).await.map(drop) }.boxed()
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

/// Takes the lock of this crate, which the connection keeps. sqlx asks for its own with a timeout of -1, which MariaDB
/// takes for an error and answers at once, without it.
async fn lock(connection: &mut MySqlConnection, wait_seconds: u32) -> Result<(), sqlx::Error> {
    let sql = "SELECT GET_LOCK(CONCAT('domicile migrations ', CRC32(DATABASE())), ?)";
    let locked: Option<i64> = sqlx::query_scalar(sql).bind(wait_seconds).fetch_one(connection).await?;
    if locked == Some(1) { Ok(()) } else { Err(sqlx::Error::Protocol(NOT_LOCKED.into())) }
}

#[cfg(test)]
mod tests {
    use domicile_testkit::Server;
    use sqlx::{Connection, MySqlConnection};

    use super::{Capability, MySql, lock};

    #[tokio::test]
    async fn who_waits_for_a_migrator_in_vain_fails_and_does_not_go_on_without_the_lock() {
        let Some(server) = Server::mariadb() else { return };
        server.create_database("es");
        let mut one = MySqlConnection::connect(&server.url("es")).await.unwrap();
        let mut other = MySqlConnection::connect(&server.url("es")).await.unwrap();
        lock(&mut one, 0).await.unwrap();
        let error = lock(&mut other, 0).await.unwrap_err().to_string();
        assert!(error.contains("another program has been migrating this database"), "{error}");
        MySql::unlock_migrations(&mut one).await.unwrap();
        lock(&mut other, 0).await.unwrap();
    }
}

//! Opening connections.

use std::ops::Deref;

use tokio::task::AbortHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{Error, SqlState};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{failure, quote};
use crate::config::{Address, ServerUrl, TlsMode};
use crate::database::UNANSWERED;
use crate::database::tls::{client_config, is_tls};
use crate::error::Failure;

/// A connection by which nothing is written. It can be cut while the server still sends what nobody wants any more, for all
/// of which a client that is dropped waits.
pub(super) struct Reader {
    client: Client,
    connection: AbortHandle,
}

impl Reader {
    pub(super) fn cut(self) {
        self.connection.abort();
    }
}

impl Deref for Reader {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Opens a connection whose session is the same whatever the server, the database or the user is set to.
pub(super) async fn connect(server: &ServerUrl) -> Result<Client, Failure> {
    Ok(opened(server).await?.0)
}

async fn opened(server: &ServerUrl) -> Result<(Client, AbortHandle), Failure> {
    // The client's own limit is for reaching the server, which may then say nothing.
    let opened = tokio::time::timeout(server.connect_timeout, open(server)).await;
    opened.unwrap_or_else(|_| Err(Failure::Transient(String::from(UNANSWERED))))
}

async fn open(server: &ServerUrl) -> Result<(Client, AbortHandle), Failure> {
    let (mut config, tls) = (config(server)?, MakeRustlsConnect::new(client_config(server)?));
    let connected = match config.connect(tls.clone()).await {
        Err(error) if server.tls == TlsMode::Prefer && is_of_encryption(&error) => {
            config.ssl_mode(SslMode::Disable).connect(tls).await
        }
        connected => connected,
    };
    let (client, connection) = connected.map_err(|error| not_connected(server, &error))?;
    // It ends with the client. What it ends with is what the statement under way is told.
    let connection = tokio::spawn(async move { drop(connection.await) });
    let timeout_milliseconds = server.statement_timeout.map_or(0, |timeout| timeout.as_millis());
    let settings = format!(
        "SET TIME ZONE 'UTC'; SET client_min_messages TO warning; SET standard_conforming_strings TO on; \
         SET statement_timeout TO {timeout_milliseconds}; SET client_encoding TO 'UTF8'; SET DateStyle TO 'ISO'; \
         SET IntervalStyle TO 'iso_8601'; SET extra_float_digits TO 3; SET bytea_output TO 'hex'; \
         SET idle_in_transaction_session_timeout TO 0; SET lock_timeout TO '60s'; SET array_nulls TO on; \
         SET xmloption TO content; SET default_transaction_isolation TO 'read committed'; \
         SET default_transaction_deferrable TO off; SET application_name TO {}",
        quote(&server.application_name)
    );
    client.batch_execute(&settings).await.map_err(|error| failure(&error).of_no_record())?;
    Ok((client, connection.abort_handle()))
}

/// Opens a connection by which nothing is written, whatever a query calls.
pub(super) async fn connect_to_read(server: &ServerUrl) -> Result<Reader, Failure> {
    let (client, connection) = opened(server).await?;
    let read_only = client.batch_execute("SET default_transaction_read_only TO on").await;
    read_only.map_err(|error| failure(&error).of_no_record())?;
    // Where a text may be any bytes, the server would fail for all records of which one is not in UTF-8.
    let as_it_is = "SELECT set_config('client_encoding', 'SQL_ASCII', false)
                    WHERE current_setting('server_encoding') = 'SQL_ASCII'";
    client.batch_execute(as_it_is).await.map_err(|error| failure(&error).of_no_record())?;
    Ok(Reader { client, connection })
}

/// Whether the server might take a connection that is not encrypted: encrypting it failed, or is what the server has no
/// rule for.
fn is_of_encryption(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    source.is_some_and(is_tls) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// Why there is no connection, which is no fault of a record.
fn not_connected(server: &ServerUrl, error: &Error) -> Failure {
    match failure(error).of_no_record() {
        Failure::Failed(message) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {
            Failure::Absent { message, make: format!("CREATE DATABASE {}", quote(&server.database)) }
        }
        failed => failed,
    }
}

fn config(server: &ServerUrl) -> Result<Config, Failure> {
    let mut config = Config::new();
    let port = match &server.address {
        Address::Tcp(host, port) => {
            config.host(host);
            *port
        }
        Address::Unix(folder, port) => {
            config.host_path(folder);
            *port
        }
    };
    config.ssl_mode(match server.tls {
        // As the server's own client does it: nobody can listen to a socket of the same machine.
        _ if matches!(server.address, Address::Unix(..)) => SslMode::Disable,
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    });
    config.port(port).user(&server.user).dbname(&server.database).keepalives_idle(server.keep_alive);
    if let Some(password) = server.password.read().map_err(Failure::Failed)? {
        config.password(password);
    }
    Ok(config)
}

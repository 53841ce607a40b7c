//! Opening connections.

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{failure, quote};
use crate::config::{Address, ServerUrl, TlsMode};
use crate::database::tls::client_config;
use crate::error::Failure;

/// Opens a connection whose session is the same whatever the server, the database or the user is set to.
pub(super) async fn connect(server: &ServerUrl) -> Result<Client, Failure> {
    let connecting = config(server)?.connect(tls(server)?).await;
    let (client, connection) = connecting.map_err(|error| failed(&failure(&error)))?;
    // It ends with the client. What it ends with is what the statement under way is told.
    tokio::spawn(async move { drop(connection.await) });
    let timeout_milliseconds = server.statement_timeout.map_or(0, |timeout| timeout.as_millis());
    let settings = format!(
        "SET TIME ZONE 'UTC'; SET client_min_messages TO warning; SET standard_conforming_strings TO on; \
         SET statement_timeout TO {timeout_milliseconds}; SET client_encoding TO 'UTF8'; SET DateStyle TO 'ISO'; \
         SET IntervalStyle TO 'iso_8601'; SET extra_float_digits TO 3; SET bytea_output TO 'hex'; \
         SET idle_in_transaction_session_timeout TO 0; SET application_name TO {}",
        quote(&server.application_name)
    );
    client.batch_execute(&settings).await.map_err(|error| failed(&failure(&error)))?;
    Ok(client)
}

/// Opens a connection by which nothing is written, whatever a query calls.
pub(super) async fn connect_to_read(server: &ServerUrl) -> Result<Client, Failure> {
    let client = connect(server).await?;
    let read_only = client.batch_execute("SET default_transaction_read_only TO on").await;
    read_only.map_err(|error| failed(&failure(&error)))?;
    Ok(client)
}

fn tls(server: &ServerUrl) -> Result<MakeRustlsConnect, Failure> {
    Ok(MakeRustlsConnect::new(client_config(server)?))
}

/// Whatever stops a connection from being opened is no fault of a record.
fn failed(failure: &Failure) -> Failure {
    Failure::Failed(failure.to_string())
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
    config.port(port).user(&server.user).dbname(&server.database).connect_timeout(server.connect_timeout);
    if let Some(password) = server.password.read().map_err(Failure::Failed)? {
        config.password(password);
    }
    Ok(config)
}

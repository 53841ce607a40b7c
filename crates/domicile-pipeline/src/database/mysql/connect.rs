//! Opening connections.

use mysql_async::prelude::Queryable;
use mysql_async::{ClientIdentity, Conn, DriverError, Error, Opts, OptsBuilder, SslOpts};

use super::said;
use crate::config::{Address, ServerUrl, TlsMode};
use crate::error::Failure;

/// Statements that are kept prepared, which is more than all tables of a home need.
const STATEMENTS_KEPT: usize = 256;

/// How a value is taken: refused where it does not fit, and a 0 or a zero date as what it is.
const SQL_MODE: &str = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION";

/// Which of the two servers it is: what they do differently hangs on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    MySql,
    MariaDb,
}

impl Kind {
    /// The collation by which text is compared byte by byte, with all spaces at its end.
    pub(super) fn collation(self) -> &'static str {
        match self {
            Kind::MySql => "utf8mb4_0900_bin",
            Kind::MariaDb => "utf8mb4_nopad_bin",
        }
    }
}

/// An open connection.
pub(super) struct Session {
    pub(super) conn: Conn,
    pub(super) kind: Kind,
    /// The server takes no statement that is longer, in bytes.
    pub(super) most_bytes: usize,
}

/// Opens a connection whose session is the same whatever the server, the database or the user is set to.
pub(super) async fn connect(server: &ServerUrl) -> Result<Session, Failure> {
    let password = server.password.read().map_err(Failure::Failed)?;
    let failed = |error: &Error| Failure::Failed(said(error));
    let conn = match open(server, password.as_deref(), tls(server)).await? {
        Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) if server.tls == TlsMode::Prefer => {
            open(server, password.as_deref(), None).await?
        }
        opened => opened,
    };
    let mut conn = conn.map_err(|error| failed(&error))?;
    let set_up = set_up(&mut conn, server).await;
    let (kind, most_bytes) = set_up.map_err(|error| failed(&error))?;
    Ok(Session { conn, kind, most_bytes })
}

async fn open(
    server: &ServerUrl,
    password: Option<&str>,
    tls: Option<SslOpts>,
) -> Result<Result<Conn, Error>, Failure> {
    let opening = Conn::new(options(server, password, tls));
    let opened = tokio::time::timeout(server.connect_timeout, opening).await;
    opened.map_err(|_| Failure::Failed(String::from("the server does not answer in the time of `connect_timeout`")))
}

async fn set_up(conn: &mut Conn, server: &ServerUrl) -> Result<(Kind, usize), Error> {
    let found: Option<(String, u64)> = conn.query_first("SELECT version(), @@max_allowed_packet").await?;
    let (version, most_bytes) = found.unwrap_or_default();
    let timeout_milliseconds = server.statement_timeout.map_or(0, |timeout| timeout.as_millis());
    let (kind, timeout) = if version.contains("MariaDB") {
        (Kind::MariaDb, format!("max_statement_time = {timeout_milliseconds} / 1000"))
    } else {
        (Kind::MySql, format!("max_execution_time = {timeout_milliseconds}"))
    };
    let settings = format!(
        "SET NAMES utf8mb4;
         SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
         SET time_zone = '+00:00', sql_mode = '{SQL_MODE}', autocommit = 1, foreign_key_checks = 1, unique_checks = 1,
             sql_safe_updates = 0, sql_big_selects = 1, sql_select_limit = DEFAULT, sql_auto_is_null = 0,
             lock_wait_timeout = 60, wait_timeout = 86400, net_write_timeout = 600, {timeout}"
    );
    conn.query_drop(settings).await?;
    Ok((kind, usize::try_from(most_bytes).unwrap_or(usize::MAX)))
}

fn options(server: &ServerUrl, password: Option<&str>, tls: Option<SslOpts>) -> Opts {
    let options = OptsBuilder::default()
        .user(Some(&server.user))
        .pass(password)
        .db_name(Some(&server.database))
        .prefer_socket(false)
        // An UPDATE tells how many rows it found, also those that stay as they are.
        .client_found_rows(true)
        .stmt_cache_size(STATEMENTS_KEPT)
        .ssl_opts(tls)
        .connect_attribute("program_name", server.application_name.as_str());
    let options = match &server.address {
        Address::Tcp(host, port) => options.ip_or_hostname(host).tcp_port(*port),
        Address::Unix(path, _) => options.socket(Some(path.to_string_lossy())),
    };
    options.into()
}

/// How the connection is encrypted. A server whose certificate nobody asked for may have any. Where it is asked for, the
/// client asks for the name as well: it does not know the errors of rustls by which it could leave that out.
fn tls(server: &ServerUrl) -> Option<SslOpts> {
    let asks = match server.tls {
        TlsMode::Disable => return None,
        TlsMode::Prefer => false,
        TlsMode::Require => server.root_certificate.is_some(),
        TlsMode::VerifyCa | TlsMode::VerifyFull => true,
    };
    let mut options = SslOpts::default()
        .with_danger_accept_invalid_certs(!asks)
        .with_danger_skip_domain_validation(server.tls != TlsMode::VerifyFull);
    if asks {
        let roots = match &server.root_certificate {
            Some(path) => vec![path.clone().into()],
            // Some of the system's that cannot be read do not matter as long as there are others.
            None => {
                let known = rustls_native_certs::load_native_certs().certs;
                known.into_iter().map(|certificate| certificate.to_vec().into()).collect()
            }
        };
        options = options.with_root_certs(roots).with_disable_built_in_roots(true);
    }
    let identity = server.client_certificate.clone();
    Some(options.with_client_identity(identity.map(|(chain, key)| ClientIdentity::new(chain.into(), key.into()))))
}

//! Opening connections.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{ClientIdentity, Conn, DriverError, Error, IoError, Opts, OptsBuilder, SslOpts};

use super::{failure, quote};
use crate::config::{Address, ServerUrl, TlsMode};
use crate::cursor::MOST_BYTES;
use crate::database::UNANSWERED;
use crate::database::tls::is_tls;
use crate::error::Failure;

/// Statements that are kept prepared, which is more than all tables of a home need.
const STATEMENTS_KEPT: usize = 256;

/// How a value is taken: refused where it does not fit, and a 0 or a zero date as what it is.
const SQL_MODE: &str = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION";

/// So many bytes of a text are sorted by, so that all of a cursor is: a byte of it is up to three there.
const SORTED_BYTES: usize = 3 * MOST_BYTES;

/// So long a connection may be silent that has no transaction open.
pub(super) const WAIT_LONG: &str = "SET wait_timeout = 86400";

/// Where others wait for what a session holds, the server ends one that it hears nothing of for so many seconds, such as that of a
/// run that is stopped.
pub(super) const WAIT_BRIEFLY: &str = "SET wait_timeout = 10";

/// There is no database of this name.
const UNKNOWN_DATABASE: u16 = 1049;

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

    /// The setting by which a statement may take so long; none is for ever.
    fn statement_timeout(self, timeout: Duration) -> String {
        match self {
            Kind::MySql => format!("max_execution_time = {}", timeout.as_millis()),
            Kind::MariaDb => format!("max_statement_time = {} / 1000", timeout.as_millis()),
        }
    }

    /// What lets the server end each query of the session that takes longer.
    pub(super) fn end_statements_after(self, timeout: Duration) -> String {
        format!("SET SESSION {}", self.statement_timeout(timeout))
    }

    /// The most digits that a decimal has behind its point.
    pub(super) fn most_scale(self) -> i8 {
        match self {
            Kind::MySql => 30,
            Kind::MariaDb => 38,
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
    let opened = tokio::time::timeout(server.connect_timeout, open(server, password.as_deref())).await;
    let opened = opened.map_err(|_| Failure::Transient(String::from(UNANSWERED)))?;
    opened.map_err(|error| not_connected(server, &error))
}

/// Why there is no connection.
fn not_connected(server: &ServerUrl, error: &Error) -> Failure {
    match error {
        Error::Server(error) if error.code == UNKNOWN_DATABASE => Failure::Absent {
            message: error.message.clone(),
            make: format!("CREATE DATABASE {}", quote(&server.database)),
        },
        error => failure(error).of_no_record(),
    }
}

async fn open(server: &ServerUrl, password: Option<&str>) -> Result<Session, Error> {
    let mut conn = match Conn::new(options(server, password, tls(server))).await {
        Err(error) if server.tls == TlsMode::Prefer && is_of_encryption(&error) => {
            Conn::new(options(server, password, None)).await?
        }
        opened => opened?,
    };
    let (kind, most_bytes) = set_up(&mut conn, server).await?;
    Ok(Session { conn, kind, most_bytes })
}

/// Whether the server might take a connection that is not encrypted.
fn is_of_encryption(error: &Error) -> bool {
    match error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) | Error::Io(IoError::Tls(_)) => true,
        Error::Io(IoError::Io(error)) => is_tls(error),
        _ => false,
    }
}

async fn set_up(conn: &mut Conn, server: &ServerUrl) -> Result<(Kind, usize), Error> {
    let found: Option<(String, u64)> = conn.query_first("SELECT version(), @@max_allowed_packet").await?;
    let (version, most_bytes) = found.unwrap_or_default();
    let kind = if version.contains("MariaDB") { Kind::MariaDb } else { Kind::MySql };
    let timeout = kind.statement_timeout(server.statement_timeout.unwrap_or_default());
    let settings = format!(
        "{WAIT_LONG};
         SET NAMES utf8mb4;
         SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
         SET time_zone = '+00:00', sql_mode = '{SQL_MODE}', autocommit = 1, foreign_key_checks = 1, unique_checks = 1,
             sql_safe_updates = 0, sql_big_selects = 1, sql_select_limit = DEFAULT, sql_auto_is_null = 0,
             max_sort_length = {SORTED_BYTES}, lock_wait_timeout = 60, net_write_timeout = 600, {timeout}"
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
        .tcp_keepalive(Some(server.keep_alive))
        .connect_attribute("program_name", server.application_name.as_str());
    let options = match &server.address {
        Address::Tcp(host, port) => options.ip_or_hostname(host).tcp_port(*port),
        Address::Unix(path, _) => options.socket(Some(path.to_string_lossy())),
    };
    options.into()
}

/// The client leaves the name in a server's certificate out of account by looking for this word in what rustls says of it.
/// Rustls has another sentence for that now, which tells the name that was asked for: so this is it. Should the sentence
/// change again, connections are refused.
const ANY_NAME: &str = "NotValidForName";

/// How the connection is encrypted. A server whose certificate nobody asked for may have any.
fn tls(server: &ServerUrl) -> Option<SslOpts> {
    let asks = match server.tls {
        TlsMode::Disable => return None,
        TlsMode::Prefer => false,
        TlsMode::Require => server.root_certificate.is_some(),
        TlsMode::VerifyCa | TlsMode::VerifyFull => true,
    };
    let mut options = SslOpts::default().with_danger_accept_invalid_certs(!asks);
    if asks && server.tls != TlsMode::VerifyFull {
        options = options.with_danger_skip_domain_validation(true).with_danger_tls_hostname_override(Some(ANY_NAME));
    }
    if asks {
        let roots = match &server.root_certificate {
            Some(path) => vec![path.clone().into()],
            None => {
                let known = &server.authorities.read().certificates;
                known.iter().map(|certificate| certificate.to_vec().into()).collect()
            }
        };
        options = options.with_root_certs(roots).with_disable_built_in_roots(true);
    }
    let identity = server.client_certificate.clone();
    Some(options.with_client_identity(identity.map(|(chain, key)| ClientIdentity::new(chain.into(), key.into()))))
}

//! The URL of a database on a server.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use super::authorities::Authorities;
use super::findings::Findings;

/// How long opening a connection may take, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be silent before the other side is asked whether it is still there. Gateways forget
/// connections that are silent, the sooner ones after some minutes.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// What the own clients of a kind of server take for granted.
pub(super) struct Client {
    /// What the server is called.
    pub(super) server: &'static str,
    /// Where it listens.
    port: u16,
    /// The mode of those who give the certificate of an authority, and no mode.
    tls_with_authority: TlsMode,
}

pub(super) const MYSQL: Client =
    Client { server: "MySQL or MariaDB", port: 3306, tls_with_authority: TlsMode::VerifyCa };
pub(super) const POSTGRES: Client = Client { server: "PostgreSQL", port: 5432, tls_with_authority: TlsMode::Prefer };

/// How a connection is kept from listeners, and how sure it is to whom it leads, as `sslmode` of the servers' own clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server can do it; whom it leads to is not asked.
    Prefer,
    /// Encrypted; whom it leads to is not asked, unless there is a certificate of the authority to ask by.
    Require,
    /// Encrypted, to a server with a certificate of a known authority.
    VerifyCa,
    /// Encrypted, to a server with a certificate of a known authority for this very host.
    VerifyFull,
}

/// Where a server listens.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A name or a number, and a port.
    Tcp(String, u16),
    /// The folder of a Unix socket for PostgreSQL, its file for MySQL, and a port, which is part of the file's name.
    Unix(PathBuf, u16),
}

impl Address {
    /// The host, in lower case, or the path, and the port: what two names of one place have in common.
    pub(super) fn place(&self) -> (String, u16) {
        match self {
            Self::Tcp(host, port) => (host.to_lowercase(), *port),
            Self::Unix(path, port) => (path.to_string_lossy().into_owned(), *port),
        }
    }
}

/// A database of a server, and how to get there. `Debug` shows none of it: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Where the server listens.
    pub address: Address,
    /// The name of the database.
    pub database: String,
    /// The name to log in with.
    pub user: String,
    /// The password to log in with.
    pub password: Password,
    /// How the connection is encrypted.
    pub tls: TlsMode,
    /// A file with the certificates of the authorities to trust, in place of those of the system.
    pub root_certificate: Option<PathBuf>,
    /// Those of the system.
    pub(crate) authorities: Authorities,
    /// Files with the certificate and the key of this client.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long a statement may take; without a limit if there is none.
    pub statement_timeout: Option<Duration>,
    /// How long a connection may be silent before the other side is asked whether it is still there.
    pub keep_alive: Duration,
    /// Under which name the server lists the connections.
    pub application_name: String,
}

/// A password, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// None is needed.
    None,
    /// It stands in the URL, most often by a variable of the environment.
    Given(String),
    /// It is the first line of a file, which is read for each connection, so that it may change.
    File(PathBuf),
}

impl Password {
    /// The password, read from its file where it is in one. The error does not name the file, whose path may be a secret.
    pub(crate) fn read(&self) -> Result<Option<String>, String> {
        match self {
            Self::None => Ok(None),
            Self::Given(password) => Ok(Some(password.clone())),
            Self::File(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|error| format!("the password file cannot be read: {error}"))?;
                Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
            }
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerUrl(..)")
    }
}

/// What is wrong with a URL and what to do. It shows nothing of what stands in the URL but names of options.
pub(super) type Wrong = (String, String);

impl ServerUrl {
    /// Reads the URL of a server. What it does not say is as the server's own client has it.
    pub(super) fn read(url: &str, client: &Client, findings: &Findings<'_>) -> Result<Self, Wrong> {
        let url = Url::parse(url).map_err(|error| {
            let help = "write scheme://user:password@host:port/database; in a name or a password, characters such as @, : \
                        and / are written %40, %3A and %2F";
            (format!("it is not a URL: {error}"), String::from(help))
        })?;
        let database = decoded(url.path().trim_start_matches('/'))?;
        if database.is_empty() || database.contains('/') {
            let help = String::from(
                "write it behind the host, as in scheme://user@host/database; in a name or a password, / is written %2F, @ %40",
            );
            return Err((String::from("it names no database"), help));
        }
        let mut server = Self {
            address: Address::Tcp(host(&url)?, url.port().unwrap_or(client.port)),
            database,
            user: decoded(url.username())?,
            password: url.password().map(decoded).transpose()?.map_or(Password::None, Password::Given),
            tls: TlsMode::Prefer,
            root_certificate: None,
            authorities: findings.authorities.clone(),
            client_certificate: None,
            connect_timeout: CONNECT_TIMEOUT,
            statement_timeout: None,
            keep_alive: KEEP_ALIVE,
            application_name: String::from("domicile"),
        };
        if server.user.is_empty() {
            let help = String::from("write it before the host, as in scheme://user@host/database");
            return Err((String::from("it names no user"), help));
        }
        server.read_options(&url, client, findings)?;
        Ok(server)
    }

    fn read_options(&mut self, url: &Url, client: &Client, findings: &Findings<'_>) -> Result<(), Wrong> {
        let (mut mode, mut certificate, mut key) = (None, None, None);
        for (name, value) in url.query_pairs() {
            let path = || findings.folder.join(&*value);
            match &*name {
                // The options of both servers' clients are spelt with dashes or without.
                "sslmode" | "ssl-mode" => mode = Some(tls_mode(&value)?),
                "sslrootcert" | "ssl-ca" => self.root_certificate = Some(path()),
                "sslcert" | "ssl-cert" => certificate = Some(path()),
                "sslkey" | "ssl-key" => key = Some(path()),
                "host" | "socket" if value.starts_with('/') => {
                    let Address::Tcp(_, port) = self.address else { continue };
                    self.address = Address::Unix(path(), port);
                }
                "password_file" => self.password = Password::File(path()),
                "connect_timeout" => self.connect_timeout = seconds(&name, &value)?,
                "statement_timeout" => self.statement_timeout = Some(seconds(&name, &value)?),
                "keepalives_idle" => self.keep_alive = seconds(&name, &value)?,
                "application_name" => self.application_name = value.into_owned(),
                _ => {
                    let known = "sslmode, sslrootcert, sslcert, sslkey, host (the path of a socket), password_file, \
                                 connect_timeout, statement_timeout, keepalives_idle, application_name";
                    return Err((format!("it has no option `{name}`"), format!("the options are: {known}")));
                }
            }
        }
        self.tls = match mode {
            Some(mode) => mode,
            None if self.root_certificate.is_some() => client.tls_with_authority,
            None => TlsMode::Prefer,
        };
        self.client_certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                let help = String::from("a certificate of a client needs both `sslcert` and `sslkey`");
                return Err((String::from("it has only one of `sslcert` and `sslkey`"), help));
            }
        };
        Ok(())
    }
}

/// The host; with none, and with a socket among the options, it does not matter.
fn host(url: &Url) -> Result<String, Wrong> {
    let host = decoded(url.host_str().unwrap_or_default())?;
    let is_socket = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        matches!(&*name, "host" | "socket") && value.starts_with('/')
    };
    if host.is_empty() && !url.query_pairs().any(is_socket) {
        let help = String::from("write it as in scheme://user@host/database, or give the path of a socket as `host`");
        return Err((String::from("it names no host"), help));
    }
    Ok(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

fn decoded(text: &str) -> Result<String, Wrong> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| {
        let help = String::from("write the bytes of UTF-8, each as % and two hexadecimal digits");
        (String::from("a part of it is not UTF-8"), help)
    })?;
    Ok(decoded.into_owned())
}

fn tls_mode(value: &str) -> Result<TlsMode, Wrong> {
    match value.to_lowercase().replace('_', "-").as_str() {
        "disable" | "disabled" => Ok(TlsMode::Disable),
        // What libpq does by `allow`, to encrypt only where the server insists, protects from nobody.
        "allow" | "prefer" | "preferred" => Ok(TlsMode::Prefer),
        "require" | "required" => Ok(TlsMode::Require),
        "verify-ca" => Ok(TlsMode::VerifyCa),
        "verify-full" | "verify-identity" => Ok(TlsMode::VerifyFull),
        _ => {
            let help = "write disable, allow, prefer, require, verify-ca or verify-full";
            Err((String::from("it has an `sslmode` that there is none of"), String::from(help)))
        }
    }
}

fn seconds(name: &str, value: &str) -> Result<Duration, Wrong> {
    let seconds = value.parse::<u64>().ok().filter(|seconds| (1..=86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let help = String::from("write a number of seconds, from 1 to 86400");
        (format!("its `{name}` is not a time"), help)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{Address, Client, Findings, MYSQL, POSTGRES, Password, ServerUrl, TlsMode};
    use crate::config::Document;

    fn read(url: &str) -> Result<ServerUrl, String> {
        read_as(&POSTGRES, url)
    }

    fn read_as(client: &Client, url: &str) -> Result<ServerUrl, String> {
        let (document, problems) = Document::parse(Path::new("conf/d.toml"), String::new());
        let findings = Findings::new(&document, Path::new("conf"), problems);
        ServerUrl::read(url, client, &findings).map_err(|(message, help)| format!("{message} / {help}"))
    }

    #[test]
    fn a_url_says_all_that_a_client_of_the_server_is_told() {
        let url = "postgres://j%40n:s%2Fcret@db.example:6543/shop?sslmode=verify-full&sslrootcert=ca.pem&sslcert=c.pem\
                   &sslkey=k.pem&connect_timeout=3&statement_timeout=60&keepalives_idle=30&application_name=sync";
        let server = read(url).unwrap();
        assert!(server.address == Address::Tcp(String::from("db.example"), 6543));
        assert_eq!((server.user.as_str(), server.database.as_str()), ("j@n", "shop"));
        assert!(server.password == Password::Given(String::from("s/cret")));
        assert_eq!(server.tls, TlsMode::VerifyFull);
        assert_eq!(server.root_certificate.as_deref(), Some(Path::new("conf/ca.pem")));
        assert_eq!(server.client_certificate, Some(("conf/c.pem".into(), "conf/k.pem".into())));
        assert_eq!(server.connect_timeout, Duration::from_secs(3));
        assert_eq!(server.statement_timeout, Some(Duration::from_secs(60)));
        assert_eq!(server.keep_alive, Duration::from_secs(30));
        assert_eq!(server.application_name, "sync");
        assert_eq!(format!("{server:?}"), "ServerUrl(..)");
    }

    #[test]
    fn what_is_not_said_is_as_the_servers_clients_have_it() {
        let server = read("postgres://domicile@[::1]/shop").unwrap();
        assert!(server.address == Address::Tcp(String::from("::1"), 5432));
        assert!(server.password == Password::None);
        assert_eq!(server.tls, TlsMode::Prefer);
        let socket = read("postgres://domicile@localhost/shop?host=/run/postgresql&password_file=/run/secret").unwrap();
        assert!(socket.address == Address::Unix("/run/postgresql".into(), 5432));
        assert!(socket.password == Password::File("/run/secret".into()));
    }

    #[test]
    fn an_authority_alone_is_asked_by_where_the_servers_client_does_so() {
        for (client, options, expected) in [
            (&POSTGRES, "sslrootcert=ca.pem", TlsMode::Prefer),
            (&MYSQL, "ssl-ca=ca.pem", TlsMode::VerifyCa),
            (&MYSQL, "ssl-ca=ca.pem&ssl-mode=PREFERRED", TlsMode::Prefer),
            (&MYSQL, "ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem", TlsMode::VerifyFull),
            (&MYSQL, "connect_timeout=1", TlsMode::Prefer),
        ] {
            let server = read_as(client, &format!("x://jan@host/shop?{options}")).unwrap();
            assert_eq!(server.tls, expected, "{options}");
        }
    }

    #[test]
    fn a_password_is_the_first_line_of_its_file_each_time_that_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let password = Password::File(path.clone());
        let told = password.read().unwrap_err();
        assert!(told.starts_with("the password file cannot be read: "), "{told}");
        assert!(!told.contains("secret"), "its path may be one: {told}");
        for (text, expected) in [("first\nsecond", "first"), ("changed\r\n", "changed"), ("", "")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(password.read().unwrap().as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_wrong_is_told_and_nothing_of_it_is_shown() {
        for (url, expected) in [
            ("postgres://u:secret@host:x/shop", "it is not a URL: invalid port number"),
            ("postgres://u:secret@host", "it names no database"),
            ("postgres://u:secret@host/", "it names no database"),
            ("postgres://u:secret@/shop", "empty host"),
            ("postgres://host/shop", "it names no user"),
            ("postgres://u:secret@host/shop?sslmode=secret", "an `sslmode` that there is none of"),
            ("postgres://u:secret@host/shop?sslcert=secret", "only one of `sslcert` and `sslkey`"),
            ("postgres://u:secret@host/shop?connect_timeout=secret", "its `connect_timeout` is not a time"),
            ("postgres://u:secret@host/shop?pool=secret", "it has no option `pool`"),
            ("postgres://u:secret@host/%ff", "is not UTF-8"),
        ] {
            let told = read(url).unwrap_err();
            assert!(told.contains(expected), "{url}: {told}");
            assert!(!told.contains("secret"), "{told}");
        }
    }
}

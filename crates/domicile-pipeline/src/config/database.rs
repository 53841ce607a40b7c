//! The database that a URL of the file names.

use std::fmt;
use std::path::{Path, PathBuf};

use super::findings::Findings;
use super::secret::hidden;
use super::server::{Client, MYSQL, POSTGRES, ServerUrl};
use super::setting::SettingPath;

const SUPPORTED: &str = "supported are `sqlite:PATH`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE` and, for MySQL and \
    MariaDB, `mysql://USER:PASSWORD@HOST:PORT/DATABASE`";
/// Stands for the home's name in a URL.
const HOME: &str = "{home}";

/// Where a database is, and of which kind.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of SQLite. A path that is relative in the configuration is taken from the folder of the configuration.
    Sqlite(PathBuf),
    /// A database of a MySQL or MariaDB server.
    MySql(Box<ServerUrl>),
    /// A database of a PostgreSQL server.
    Postgres(Box<ServerUrl>),
}

/// A database. It is displayed as the file writes it: what `${NAME}` stands for is never shown, and neither is the
/// path in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// Where it is.
    pub location: Location,
    /// The setting that holds its URL.
    pub setting: SettingPath,
    shown: String,
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({} at {})", self.shown, self.setting)
    }
}

/// Why a URL is refused: the message and the help.
pub(super) type Refusal = (String, String);

impl Database {
    /// Reads the URL of the control database or of a source, and reports it if it is refused.
    pub(super) fn read(url: &str, setting: SettingPath, findings: &mut Findings<'_>) -> Option<Self> {
        let read = if url.contains(HOME) {
            let help = "it is the name of a home: only the URLs of homes may have it";
            Err((format!("`{HOME}` means nothing here"), String::from(help)))
        } else {
            Self::of_url(url, findings.document.shown(&setting).to_owned(), &setting, findings)
        };
        read.map_err(|(message, help)| findings.report(&setting, message, help)).ok()
    }

    /// Stands for the control database of a file that names none, so that the rest can be checked all the same.
    pub(super) fn missing(setting: SettingPath) -> Self {
        Self { location: Location::Sqlite(PathBuf::new()), setting, shown: String::new() }
    }

    /// Whether the file names no database here, which has been reported.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(&self.location, Location::Sqlite(path) if path.as_os_str().is_empty())
    }

    /// Reads the URL of a home, in which `{home}` is the home's name.
    pub(super) fn of_home(
        url: &str,
        home: &str,
        setting: &SettingPath,
        findings: &Findings<'_>,
    ) -> Result<Self, Refusal> {
        let shown = findings.document.shown(setting).replace(HOME, home);
        Self::of_url(&url.replace(HOME, home), shown, setting, findings)
    }

    /// Whether the URL is another one for each home.
    pub(super) fn differs_by_home(url: &str) -> bool {
        url.contains(HOME)
    }

    fn of_url(url: &str, shown: String, setting: &SettingPath, findings: &Findings<'_>) -> Result<Self, Refusal> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        let location = match scheme {
            "sqlite" => Location::Sqlite(sqlite(url, &shown, findings.folder)?),
            "mysql" | "mariadb" => Location::MySql(Box::new(server(url, &MYSQL, findings)?)),
            "postgres" | "postgresql" => Location::Postgres(Box::new(server(url, &POSTGRES, findings)?)),
            _ => return Err(unsupported(&shown)),
        };
        Ok(Self { location, setting: setting.clone(), shown: without_password(&shown) })
    }
}

fn server(url: &str, client: &Client, findings: &Findings<'_>) -> Result<ServerUrl, Refusal> {
    // Of the URL nothing is shown: it may hold a password.
    let refused = |(why, help)| (format!("the URL of a {} is refused: {why}", client.server), help);
    ServerUrl::read(url, client, findings).map_err(refused)
}

fn sqlite(url: &str, shown: &str, folder: &Path) -> Result<PathBuf, Refusal> {
    let path = url.trim_start_matches("sqlite:");
    let path = path.strip_prefix("//").unwrap_or(path);
    let refusal = if path.is_empty() || path.ends_with('/') {
        "names no file"
    } else if path.starts_with(":memory:") {
        "names a database in memory, which is gone when the program ends"
    } else if path.contains('?') {
        "has options after a `?`, and there are none"
    } else if path.contains('\0') {
        "has a NUL in it"
    } else {
        return Ok(folder.join(path));
    };
    Err((format!("`{shown}` {refusal}"), String::from("name a file, as in `sqlite:orders.sqlite`")))
}

/// What the file writes, without a password that stands in it.
fn without_password(shown: &str) -> String {
    let Some((scheme, rest)) = shown.split_once("://") else { return shown.to_owned() };
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    match rest[..authority].rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{scheme}://{user}:***@{host}{}", &rest[authority..]),
        None => shown.to_owned(),
    }
}

/// The message and the help for a URL of another kind. Of the URL only the scheme is shown: the rest may hold a
/// password.
fn unsupported(shown: &str) -> Refusal {
    match shown.split_once(':') {
        Some((scheme, _)) if !scheme.is_empty() && scheme.chars().all(|char| char.is_ascii_alphanumeric()) => {
            (format!("databases of the kind `{scheme}:` are not supported"), String::from(SUPPORTED))
        }
        None if !shown.contains('$') => {
            (format!("`{shown}` is not the URL of a database"), format!("write `sqlite:{shown}`"))
        }
        _ => (format!("`{}` is not the URL of a database", hidden(shown)), String::from(SUPPORTED)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Database, Findings, Location, SettingPath};
    use crate::config::{Document, Problems, environment::substitute};

    fn read_as(home: Option<&str>, written: &str) -> Result<Database, Problems> {
        let (document, problems) = Document::parse(Path::new("conf/d.toml"), format!("url = '{written}'"));
        let mut findings = Findings::new(&document, Path::new("conf"), problems);
        let url = substitute(written, &|_| Some(String::from("secret"))).unwrap();
        let setting = SettingPath::root().key("url");
        let database = match home {
            Some(home) => Database::of_home(&url, home, &setting, &findings).ok(),
            None => Database::read(&url, setting, &mut findings),
        };
        database.ok_or(findings.problems)
    }

    fn file(path: &str) -> Location {
        Location::Sqlite(path.into())
    }

    fn message(written: &str) -> String {
        read_as(None, written).unwrap_err().to_string()
    }

    #[test]
    fn paths_start_from_the_folder_of_the_file() {
        for (url, path) in [
            ("sqlite:a.sqlite", "conf/a.sqlite"),
            ("sqlite://a/b.sqlite", "conf/a/b.sqlite"),
            ("sqlite:/a.sqlite", "/a.sqlite"),
            ("sqlite:///a.sqlite", "/a.sqlite"),
        ] {
            assert!(read_as(None, url).unwrap().location == file(path), "{url}");
        }
        let home = read_as(Some("es"), "sqlite:{home}/{home}.sqlite").unwrap();
        assert!(home.location == file("conf/es/es.sqlite"));
    }

    #[test]
    fn a_secret_is_used_but_never_shown() {
        let database = read_as(Some("es"), "sqlite:${DATA}/{home}").unwrap();
        assert!(database.location == file("conf/secret/es"));
        assert_eq!(database.to_string(), "sqlite:${DATA}/es");
        assert!(!format!("{database:?}").contains("secret"));
        for written in ["${DATA}", "x:${DATA}", "sqlite:${DATA}?x", "sqlite:${DATA}/"] {
            assert!(!message(written).contains("secret"), "{written}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let shown = |url| read_as(None, url).unwrap().to_string();
        assert_eq!(shown("postgres://jan:password@host/shop"), "postgres://jan:***@host/shop");
        assert_eq!(
            shown("postgres://jan:p@ss@host:1/shop?sslmode=require"),
            "postgres://jan:***@host:1/shop?sslmode=require"
        );
        assert_eq!(shown("postgres://jan@host/shop"), "postgres://jan@host/shop");
        assert_eq!(shown("postgres://jan:${PASSWORD}@host/shop"), "postgres://jan:***@host/shop");
        let told = message("postgres://jan:password@host/shop?pool=password");
        assert!(told.contains("refused: it has no option `pool`") && !told.contains("password@"), "{told}");
    }

    #[test]
    fn what_is_not_supported_is_refused_with_the_fix() {
        let told = message("oracle://user:password@host/db");
        assert!(
            told.contains("databases of the kind `oracle:` are not supported\n  help: supported are `sqlite:PATH`")
        );
        assert!(!told.contains("password"), "{told}");
        assert!(message("orders.sqlite").contains("help: write `sqlite:orders.sqlite`"));
        for (written, expected) in [
            ("sqlite:", "names no file"),
            ("sqlite::memory:", "in memory"),
            ("sqlite:a?mode=ro", "options"),
            ("sqlite:{home}", "`{home}` means nothing here"),
        ] {
            assert!(message(written).contains(expected), "{written}");
        }
    }
}

//! The database that a URL of the file names.

use std::fmt;
use std::path::PathBuf;

use super::findings::Findings;
use super::setting::SettingPath;

const SUPPORTED: &str = "supported are `sqlite:PATH` and `sqlite://PATH`";
/// Stands for the home's name in a URL.
const HOME: &str = "{home}";

/// A database. It is displayed as the file writes it: what `${NAME}` stands for is never shown, and neither is the
/// path in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// Its file. A path that is relative in the configuration is taken from the folder of the configuration.
    pub path: PathBuf,
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
            Self::sqlite(url, findings.document.shown(&setting).to_owned(), &setting, findings)
        };
        read.map_err(|(message, help)| findings.report(&setting, message, help)).ok()
    }

    /// Stands for the control database of a file that names none, so that the rest can be checked all the same.
    pub(super) fn missing(setting: SettingPath) -> Self {
        Self { path: PathBuf::new(), setting, shown: String::new() }
    }

    /// Whether the file names no database here, which has been reported.
    pub(crate) fn is_missing(&self) -> bool {
        self.path.as_os_str().is_empty()
    }

    /// Reads the URL of a home, in which `{home}` is the home's name.
    pub(super) fn of_home(
        url: &str,
        home: &str,
        setting: &SettingPath,
        findings: &Findings<'_>,
    ) -> Result<Self, Refusal> {
        let shown = findings.document.shown(setting).replace(HOME, home);
        Self::sqlite(&url.replace(HOME, home), shown, setting, findings)
    }

    /// Whether the URL is another one for each home.
    pub(super) fn differs_by_home(url: &str) -> bool {
        url.contains(HOME)
    }

    fn sqlite(url: &str, shown: String, setting: &SettingPath, findings: &Findings<'_>) -> Result<Self, Refusal> {
        let path = url.strip_prefix("sqlite:").ok_or_else(|| unsupported(&shown))?;
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
            let path = findings.folder.join(path);
            return Ok(Self { path, setting: setting.clone(), shown });
        };
        Err((format!("`{shown}` {refusal}"), String::from("name a file, as in `sqlite:orders.sqlite`")))
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
        _ => (format!("`{shown}` is not the URL of a database"), String::from(SUPPORTED)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Database, Findings, SettingPath};
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
            assert_eq!(read_as(None, url).unwrap().path, Path::new(path), "{url}");
        }
        assert_eq!(read_as(Some("es"), "sqlite:{home}/{home}.sqlite").unwrap().path, Path::new("conf/es/es.sqlite"));
    }

    #[test]
    fn a_secret_is_used_but_never_shown() {
        let database = read_as(Some("es"), "sqlite:${DATA}/{home}").unwrap();
        assert_eq!(database.path, Path::new("conf/secret/es"));
        assert_eq!(database.to_string(), "sqlite:${DATA}/es");
        assert!(!format!("{database:?}").contains("secret"));
        for written in ["${DATA}", "x:${DATA}", "sqlite:${DATA}?x", "sqlite:${DATA}/"] {
            assert!(!message(written).contains("secret"), "{written}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_with_the_fix() {
        let told = message("postgres://user:password@host/db");
        assert!(
            told.contains("databases of the kind `postgres:` are not supported\n  help: supported are `sqlite:PATH`")
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

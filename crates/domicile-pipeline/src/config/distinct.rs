//! No two databases are one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use domicile::Home;

use super::database::{Database, Location};
use super::findings::Findings;
use super::server::ServerUrl;
use super::setting::SettingPath;

/// A use of a database.
pub(super) struct Use {
    location: Location,
    /// Such as ``the home `es` ``. Uses of the same name may share a database: it is the name of all sources, and homes
    /// that have the same have been reported for that.
    name: String,
    setting: SettingPath,
}

impl Use {
    pub(super) fn control(database: &Database) -> Self {
        Self::new(database, "the control database", &database.setting)
    }

    pub(super) fn home(home: &Home, database: &Database, setting: &SettingPath) -> Self {
        Self::new(database, format!("the home `{home}`"), setting)
    }

    pub(super) fn source(database: &Database) -> Self {
        Self::new(database, "a source", &database.setting)
    }

    fn new(database: &Database, name: impl Into<String>, setting: &SettingPath) -> Self {
        Self { location: database.location.clone(), name: name.into(), setting: setting.clone() }
    }
}

/// Reports every use of a database that is in use already. Sources may share one among themselves.
pub(super) fn check(findings: &mut Findings<'_>) {
    let uses = std::mem::take(&mut findings.uses);
    let mut first_by_identity: HashMap<Identity, &Use> = HashMap::new();
    for this in &uses {
        let identities = identities(&this.location);
        let known = identities.iter().find_map(|identity| first_by_identity.get(identity).copied());
        for identity in identities {
            first_by_identity.entry(identity).or_insert(this);
        }
        let Some(first) = known.filter(|first| first.name != this.name) else { continue };
        let line = findings.document.line(&first.setting);
        let message = format!("{} is the same database as {} in line {line}", this.name, first.name);
        findings.report(&this.setting, message, "give each a database of its own; only sources may share one");
    }
}

/// What two names of one database have in common.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Path(PathBuf),
    #[cfg(unix)]
    Inode {
        device: u64,
        inode: u64,
    },
    /// The kind of the server, where it listens, and the database. Two names of one host are told apart here.
    Server(&'static str, String, u16, String),
}

impl Identity {
    fn server(kind: &'static str, server: &ServerUrl) -> Self {
        let (at, port) = server.address.place();
        Self::Server(kind, at, port, server.database.clone())
    }
}

fn identities(location: &Location) -> Vec<Identity> {
    let path = match location {
        Location::Sqlite(path) => path,
        Location::MySql(server) => return vec![Identity::server("mysql", server)],
        Location::Postgres(server) => return vec![Identity::server("postgres", server)],
    };
    let identities = vec![Identity::Path(resolved(path))];
    #[cfg(unix)]
    let identities = identities.into_iter().chain(inode(path)).collect();
    identities
}

/// Asked of the file's name, without opening it: closing a file drops the locks that the process has on it, and with
/// them those of SQLite.
#[cfg(unix)]
fn inode(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some(Identity::Inode { device: metadata.dev(), inode: metadata.ino() })
}

/// The path without links, `.` and `..`, as far as it exists; what does not exist yet is taken as it is written.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Normal(name) => resolved = followed(resolved, name.to_owned()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => resolved.push(component),
        }
    }
    resolved
}

fn followed(folder: PathBuf, name: OsString) -> PathBuf {
    let path = folder.join(name);
    // What a link leads to may not exist yet.
    let target = || Some(folder.join(path.read_link().ok()?));
    path.canonicalize().ok().or_else(target).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::resolved;
    use crate::config::Config;
    use crate::config::tests::{FULL, told};

    #[test]
    fn a_path_is_resolved_as_far_as_it_exists() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("a")).unwrap();
        assert_eq!(resolved(&root.join("a/../b/./c/../d")), root.join("b/d"));
        assert_ne!(resolved(&root.join("a/x")), resolved(&root.join("b/x")));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.join("a"), root.join("link")).unwrap();
            assert_eq!(resolved(&root.join("link/new.sqlite")), root.join("a/new.sqlite"));
            std::os::unix::fs::symlink("nowhere.sqlite", root.join("dangling")).unwrap();
            assert_eq!(resolved(&root.join("dangling")), root.join("nowhere.sqlite"));
        }
    }

    #[test]
    fn no_two_databases_are_one_file() {
        let same = |this: &str, first: &str| format!("{this} is the same database as {first}");
        for (from, to, expected) in [
            ("/de.sqlite", "/homes/france.sqlite", same("8: the home `germany`", "the home `france` in line 7")),
            ("source.sqlite", "x/../control.sqlite", same("19: a source", "the control database in line 2")),
            ("control.sqlite", "homes/iberia.sqlite", same("6: the home `iberia`", "the control database in line 2")),
            // A mistake elsewhere in the source does not hide it.
            ("source.sqlite\"\ntable", "de.sqlite\"\ntabl", same("19: a source", "the home `germany` in line 8")),
        ] {
            assert!(told(from, to).contains(&expected), "{:?}", told(from, to));
        }
    }

    #[test]
    fn no_two_databases_are_one_of_a_server() {
        let home = |url: &str| told("sqlite:${DATA_DIR:-.}/de.sqlite", url).join("\n");
        let control = |homes_url: &str| {
            let file = FULL.replacen("sqlite:control.sqlite", "mariadb://a:b@Host/shop", 1);
            let file = file.replacen("sqlite:${DATA_DIR:-.}/de.sqlite", homes_url, 1);
            let read = Config::read(std::path::Path::new("d.toml"), file, &|_| None);
            read.map_or_else(|problems| problems.to_string(), |_| String::new())
        };
        let same = "the home `germany` is the same database as the control database in line 2";
        assert!(control("mysql://c:d@host:3306/shop").contains(same));
        for other in ["mysql://a:b@host:3307/shop", "mysql://a:b@host/other", "postgres://a:b@host:3306/shop"] {
            assert_eq!(control(other), "", "{other}");
        }
        let refused = home("mariadb://a:secret@host");
        assert!(refused.contains("the URL of a MySQL or MariaDB is refused: it names no database"), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn links_to_one_file_are_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("domicile.toml"), |name: &str| folder.path().join(name));
        std::fs::create_dir(file("homes")).unwrap();
        std::fs::write(file("homes/iberia.sqlite"), "").unwrap();
        std::fs::write(&path, FULL).unwrap();
        assert!(Config::load(&path).is_ok());
        std::fs::hard_link(file("homes/iberia.sqlite"), file("homes/france.sqlite")).unwrap();
        std::os::unix::fs::symlink(file("homes"), file("link")).unwrap();
        std::fs::write(
            &path,
            FULL.replacen("control.sqlite", "link/germany.sqlite", 1).replacen("${DATA_DIR:-.}/de", "homes/germany", 1),
        )
        .unwrap();
        let told: Vec<_> = Config::load(&path).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(told[0], "the home `france` is the same database as the home `iberia` in line 6");
        assert_eq!(told[1], "the home `germany` is the same database as the control database in line 2");
    }
}

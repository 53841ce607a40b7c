//! Where a source's records are, as a text that each home keeps with its position: a position says nothing of another
//! source that has the same name.

use std::path::{Path, PathBuf};

use super::database::{Database, Location};
use super::distinct::resolved;
use super::server::ServerUrl;
use super::source::From;

/// The text for a source. It stays the same when the file is read from elsewhere, or somebody else logs in.
pub(super) fn origin(source: &Database, from: &From, folder: &Path) -> String {
    let what = match from {
        From::Table(table) => table,
        From::Query(_) => "(a query)",
    };
    let database = match &source.location {
        Location::Sqlite(path) => format!("sqlite {}", from_folder(path, folder).display()),
        location => place(location),
    };
    format!("{database} {what}")
}

/// Where a database is, without who logs in. A value of the environment may be in it.
pub(crate) fn place(location: &Location) -> String {
    match location {
        Location::Sqlite(path) => format!("sqlite {}", path.display()),
        Location::MySql(server) => on_server("mysql", server),
        Location::Postgres(server) => on_server("postgres", server),
    }
}

fn on_server(kind: &str, server: &ServerUrl) -> String {
    let (at, port) = server.address.place();
    format!("{kind} {at}:{port} {}", server.database)
}

/// The path from the folder of the configuration: all of it may be moved.
fn from_folder(path: &Path, folder: &Path) -> PathBuf {
    // That of a file which is named alone is empty.
    let (path, folder) = (resolved(path), resolved(&Path::new(".").join(folder)));
    let shared = path.components().zip(folder.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(shared).map(|_| Path::new(".."));
    up.chain(path.components().skip(shared).map(|component| Path::new(component.as_os_str()))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn origin(url: &str, control: &str, folder: &str) -> String {
        let file = format!(
            "control = \"{control}\"\nhome_url = \"sqlite:homes/{{home}}.sqlite\"\nhomes = [\"ES\"]\n[[source]]\n\
             url = \"{url}\"\ntable = \"orders\"\ncursor = \"id\"\nkey = \"country\"\n[[source.analyser]]\n\
             into = \"orders\"\nsql = \"SELECT id FROM record\"\n"
        );
        let config = Config::read(&Path::new(folder).join("domicile.toml"), file, &|_| None).unwrap();
        config.sources[0].origin.clone()
    }

    #[test]
    fn a_file_is_told_by_its_way_from_the_configuration() {
        let here = origin("sqlite:in/source.sqlite", "sqlite:control.sqlite", "/nowhere/a");
        assert_eq!(here, "sqlite in/source.sqlite orders");
        assert_eq!(origin("sqlite:in/source.sqlite", "sqlite:control.sqlite", "/nowhere/b"), here, "all were moved");
        assert_eq!(origin("sqlite:in/source.sqlite", "postgres://a@host/control", "/nowhere/a"), here);
        for folder in ["", "."] {
            assert_eq!(
                origin("sqlite:in/source.sqlite", "sqlite:control.sqlite", folder),
                here,
                "from within {folder:?}"
            );
        }
        assert_eq!(origin("sqlite:../x/s.sqlite", "sqlite:c.sqlite", "/nowhere/a"), "sqlite ../x/s.sqlite orders");
        assert_ne!(origin("sqlite:/nowhere/x/s.sqlite", "sqlite:c.sqlite", "/nowhere/a/b"), here);
    }

    #[test]
    fn a_server_is_told_by_where_it_listens_and_not_by_who_logs_in() {
        let of = |url: &str| origin(url, "sqlite:control.sqlite", "/nowhere");
        assert_eq!(of("postgres://ana:secret@Host/shop?application_name=x"), "postgres host:5432 shop orders");
        assert_eq!(of("postgres://eva@host:5432/shop"), of("postgres://ana:secret@Host/shop"));
        assert_ne!(of("mysql://ana@host:5432/shop"), of("postgres://ana@host:5432/shop"));
        assert_ne!(of("mysql://ana@host/shop"), of("mysql://ana@host/shop2"));
    }
}

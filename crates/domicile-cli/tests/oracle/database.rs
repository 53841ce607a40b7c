//! Databases of three kinds, and what is asked of each in the words of its kind.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use domicile_testkit::{Sandbox, Server};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    MariaDb,
}

/// A server that several have a hand on.
pub(crate) type SharedServer = Rc<RefCell<Server>>;

/// A database: a file, or one of a server.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    File(PathBuf),
    Of { kind: Kind, server: SharedServer, name: String },
}

impl Kind {
    /// A server of the kind; a file has none.
    pub(crate) fn start(self) -> Option<SharedServer> {
        let server = match self {
            Kind::Sqlite => None,
            Kind::Postgres => Server::postgres(),
            Kind::MariaDb => Server::mariadb(),
        };
        server.map(|server| Rc::new(RefCell::new(server)))
    }

    /// Whether the kind can be had here.
    pub(crate) fn is_there(self, server: Option<&SharedServer>) -> bool {
        self == Kind::Sqlite || server.is_some()
    }

    /// What numbers the records of a source in the order in which they are inserted.
    pub(crate) fn numbered(self) -> &'static str {
        match self {
            Kind::Sqlite => "id INTEGER PRIMARY KEY AUTOINCREMENT",
            Kind::Postgres => "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            Kind::MariaDb => "id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY",
        }
    }

    /// The type of a time.
    pub(crate) fn time(self) -> &'static str {
        match self {
            Kind::Sqlite => "DATETIME",
            Kind::Postgres => "timestamptz",
            Kind::MariaDb => "datetime(6)",
        }
    }

    /// Lets the table `orders` refuse an amount.
    pub(crate) fn refuse(self, amount: i64) -> String {
        match self {
            Kind::Sqlite => format!(
                "CREATE TRIGGER refused BEFORE INSERT ON orders WHEN NEW.amount = {amount}
                 BEGIN SELECT RAISE(ABORT, 'not this amount'); END"
            ),
            Kind::Postgres | Kind::MariaDb => {
                format!("ALTER TABLE orders ADD CONSTRAINT refused CHECK (amount <> {amount})")
            }
        }
    }

    /// Lets it be taken.
    pub(crate) fn mend(self) -> &'static str {
        match self {
            Kind::Sqlite => "DROP TRIGGER refused",
            Kind::Postgres | Kind::MariaDb => "ALTER TABLE orders DROP CONSTRAINT refused",
        }
    }

    /// A moment that is past, by the clock of a control database.
    pub(crate) fn past(self) -> &'static str {
        match self {
            Kind::Sqlite => "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 seconds')",
            Kind::Postgres => "clock_timestamp() - interval '1 second'",
            Kind::MariaDb => "UTC_TIMESTAMP(6) - INTERVAL 1 SECOND",
        }
    }
}

impl Database {
    /// Makes an empty database.
    pub(crate) fn make(kind: Kind, server: Option<&SharedServer>, sandbox: &Sandbox, name: &str) -> Self {
        match (kind, server) {
            (Kind::Sqlite, _) => Self::File(sandbox.path(&format!("{name}.sqlite"))),
            (kind, Some(server)) => {
                server.borrow().create_database(name);
                Self::Of { kind, server: Rc::clone(server), name: name.to_owned() }
            }
            (kind, None) => panic!("a database of {kind:?} needs a server"),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::File(_) => Kind::Sqlite,
            Self::Of { kind, .. } => *kind,
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.display()),
            Self::Of { server, name, .. } => server.borrow().url(name),
        }
    }

    /// Executes statements.
    #[track_caller]
    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::File(path) => open(path).execute_batch(sql).unwrap_or_else(|error| panic!("{error}: {sql}")),
            Self::Of { server, name, .. } => drop(server.borrow().sql(name, sql)),
        }
    }

    /// Executes a statement, unless somebody holds what it needs: whether it was.
    pub(crate) fn attempt(&self, sql: &str) -> bool {
        match self {
            Self::File(path) => {
                let connection = open(path);
                connection.busy_timeout(Duration::from_millis(500)).expect("a timeout can be set");
                connection.execute_batch(sql).is_ok()
            }
            Self::Of { kind, server, name } => {
                let mut session = server.borrow().session(name);
                let patience = match kind {
                    Kind::MariaDb => "SET SESSION lock_wait_timeout = 1",
                    Kind::Postgres | Kind::Sqlite => "SET lock_timeout = '500ms'",
                };
                session.execute(patience) && session.execute(sql)
            }
        }
    }

    /// Whether it has a table.
    pub(crate) fn has(&self, table: &str) -> bool {
        let tables = match self.kind() {
            Kind::Sqlite => "sqlite_schema WHERE name",
            Kind::Postgres => "pg_class WHERE relname",
            Kind::MariaDb => "information_schema.tables WHERE table_schema = database() AND table_name",
        };
        self.rows(&format!("SELECT count(*) FROM {tables} = '{table}'")) != ["0"]
    }

    /// Removes it from its server; a file goes with its folder.
    pub(crate) fn drop_it(&self) {
        if let Self::Of { kind, server, name } = self {
            let (from, how) = if *kind == Kind::Postgres { ("postgres", " WITH (FORCE)") } else { ("mysql", "") };
            server.borrow().sql(from, &format!("DROP DATABASE {name}{how}"));
        }
    }

    /// The rows of a query, each with tabs between its values.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        self.rows_of_all(&[sql.to_owned()])
    }

    /// The rows of several queries, in their order. A server is asked once.
    #[track_caller]
    pub(crate) fn rows_of_all(&self, queries: &[String]) -> Vec<String> {
        match self {
            Self::File(path) => {
                let connection = open(path);
                let rows = |sql: &String| rows(&connection, sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
                queries.iter().flat_map(rows).collect()
            }
            Self::Of { server, name, .. } => {
                server.borrow().sql(name, &queries.join(";\n")).lines().map(str::to_owned).collect()
            }
        }
    }
}

/// Opens a file. A lock of a run is waited for.
pub(crate) fn open(path: &std::path::Path) -> Connection {
    let connection = Connection::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    connection.busy_timeout(Duration::from_secs(30)).expect("a timeout can be set");
    connection
}

fn rows(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let value = |column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null => String::from("NULL"),
                ValueRef::Integer(integer) => integer.to_string(),
                ValueRef::Real(real) => real.to_string(),
                ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
            })
        };
        (0..columns).map(value).collect::<rusqlite::Result<Vec<_>>>()
    })?;
    rows.map(|row| row.map(|row| row.join("\t"))).collect()
}

//! What a control database of MySQL or MariaDB keeps from run to run.

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};

use super::connect::{Session, WAIT_BRIEFLY, connect};
use super::failure;
use super::schema::{LOCK_TABLES, UNLOCK_TABLES, create_own_table, existing};
use crate::config::ServerUrl;
use crate::control::{Control, End, Kept, New, placed_elsewhere};
use crate::error::Failure;
use crate::fault::{self, Point};
use crate::lease::{Claim, Leased};
use crate::source::Waits;
use crate::state::{Change, State};

pub(super) const TABLES: [(&str, &str); 6] = [
    ("domicile_control", "id varchar(255) NOT NULL PRIMARY KEY"),
    (
        "domicile_placement",
        "source varchar(255) NOT NULL,
         routing_key varchar(255) NOT NULL,
         home varchar(255) NOT NULL,
         PRIMARY KEY (source, routing_key)",
    ),
    ("domicile_rule", "source varchar(255) NOT NULL PRIMARY KEY, rule varchar(255) NOT NULL"),
    (
        "domicile_end",
        "source varchar(255) NOT NULL PRIMARY KEY,
         position longtext NOT NULL,
         fingerprint varchar(255) NOT NULL,
         seen_at bigint NOT NULL",
    ),
    ("domicile_wait", "source varchar(255) NOT NULL PRIMARY KEY, waits longtext NOT NULL"),
    (
        "domicile_lease",
        "source varchar(255) NOT NULL PRIMARY KEY,
         number bigint NOT NULL,
         holder text,
         held_until datetime(6)",
    ),
];

/// Which homes are not well.
const STATES: (&str, &str) = (
    "domicile_state",
    "source varchar(255) NOT NULL,
     home varchar(255) NOT NULL,
     state varchar(255) NOT NULL,
     why longtext NOT NULL,
     since bigint NOT NULL,
     seen_at bigint NOT NULL,
     PRIMARY KEY (source, home)",
);

/// Notes the end of a source.
const NOTE: &str = "REPLACE INTO domicile_end VALUES (?, ?, ?, ?)";

/// A control database on a server.
pub(crate) struct MySqlControl(ServerUrl);

impl MySqlControl {
    pub(crate) fn new(server: ServerUrl) -> Self {
        Self(server)
    }

    async fn connect(&self) -> Result<Session, Failure> {
        let mut session = connect(&self.0).await?;
        session.conn.query_drop(WAIT_BRIEFLY).await.map_err(|error| failure(&error))?;
        Ok(session)
    }
}

#[async_trait]
impl Control for MySqlControl {
    async fn read(&mut self) -> Result<Kept, Failure> {
        let mut session = self.connect().await?;
        let kept = read(&mut session).await.map_err(|error| failure(&error));
        let _ = session.conn.disconnect().await;
        kept
    }

    async fn keep(&mut self, new: &New, claim: Option<Claim>) -> Result<Option<String>, Failure> {
        let mut session = self.connect().await?;
        // One run at a time, so that what stands there is not changed meanwhile. The lock ends with the connection.
        let locked: Result<Option<Option<i64>>, Error> = session.conn.query_first(LOCK_TABLES).await;
        if locked.map_err(|error| failure(&error))?.flatten() != Some(1) {
            return Err(Failure::Transient(String::from("another run has been using it for a minute")));
        }
        let kept = keep(&mut session, new, claim.as_ref()).await;
        let _ = session.conn.query_drop(UNLOCK_TABLES).await;
        let _ = session.conn.disconnect().await;
        kept
    }

    async fn renew(&mut self, holder: &str, seconds: f64) -> Result<usize, Failure> {
        let mut session = self.connect().await?;
        let sql = "UPDATE domicile_lease SET held_until = UTC_TIMESTAMP(6) + INTERVAL ? SECOND
                   WHERE holder = ? AND held_until > UTC_TIMESTAMP(6)";
        let renewed = session.conn.exec_drop(sql, (seconds, holder)).await;
        let sources = session.conn.affected_rows();
        let _ = session.conn.disconnect().await;
        renewed.map_err(|error| failure(&error))?;
        Ok(usize::try_from(sources).unwrap_or(usize::MAX))
    }

    async fn release(&mut self, holder: &str, ends: Vec<(String, End)>) -> Result<(), Failure> {
        let mut session = self.connect().await?;
        let conn = &mut session.conn;
        let released = async {
            conn.query_drop("START TRANSACTION").await?;
            for (source, end) in &ends {
                conn.exec_drop(NOTE, (source, &end.position, &end.fingerprint, end.at)).await?;
            }
            let sql = "UPDATE domicile_lease SET holder = NULL, held_until = NULL WHERE holder = ?";
            conn.exec_drop(sql, (holder,)).await?;
            conn.query_drop("COMMIT").await
        };
        let released = released.await;
        let _ = session.conn.disconnect().await;
        released.map_err(|error| failure(&error))
    }

    async fn note(&mut self, source: &str, end: &End) -> Result<(), Failure> {
        let mut session = self.connect().await?;
        make_tables(&mut session).await.map_err(|error| failure(&error))?;
        let noted = session.conn.exec_drop(NOTE, (source, &end.position, &end.fingerprint, end.at)).await;
        let _ = session.conn.disconnect().await;
        noted.map_err(|error| failure(&error))
    }

    async fn wait(&mut self, source: &str, waits: Option<&Waits>) -> Result<(), Failure> {
        let mut session = self.connect().await?;
        make_tables(&mut session).await.map_err(|error| failure(&error))?;
        let noted = match waits.map(Waits::stored) {
            Some(waits) => session.conn.exec_drop("REPLACE INTO domicile_wait VALUES (?, ?)", (source, waits)).await,
            None => session.conn.exec_drop("DELETE FROM domicile_wait WHERE source = ?", (source,)).await,
        };
        let _ = session.conn.disconnect().await;
        noted.map_err(|error| failure(&error))
    }

    async fn note_states(&mut self, changes: &[Change]) -> Result<(), Failure> {
        let mut session = self.connect().await?;
        let noted = note_states(&mut session, changes).await;
        let _ = session.conn.disconnect().await;
        noted.map_err(|error| failure(&error))
    }
}

async fn read(session: &mut Session) -> Result<Kept, Error> {
    let mut kept = Kept::default();
    let sql = "SELECT table_name FROM information_schema.tables
               WHERE table_schema = DATABASE() AND table_name LIKE 'domicile\\_%'";
    let tables: Vec<String> = session.conn.query(sql).await?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    if !has("domicile_control") {
        return Ok(kept);
    }
    kept.id = session.conn.query_first("SELECT id FROM domicile_control").await?;
    let sql = "SELECT source, routing_key, home FROM domicile_placement";
    let rows: Vec<(String, String, String)> = session.conn.query(sql).await?;
    kept.placed = rows.into_iter().map(|(source, key, home)| ((source, key), home)).collect();
    if has("domicile_rule") {
        let rows: Vec<(String, String)> = session.conn.query("SELECT source, rule FROM domicile_rule").await?;
        kept.rules = rows.into_iter().collect();
    }
    if !has("domicile_wait") {
        return Ok(kept);
    }
    let sql = "SELECT source, position, fingerprint, seen_at FROM domicile_end";
    let rows: Vec<(String, String, String, i64)> = session.conn.query(sql).await?;
    let end = |(source, position, fingerprint, at)| (source, End { position, fingerprint, at });
    kept.ends = rows.into_iter().map(end).collect();
    let rows: Vec<(String, String)> = session.conn.query("SELECT source, waits FROM domicile_wait").await?;
    let rows = rows.into_iter().filter_map(|(source, waits)| Some((source, Waits::from_stored(&waits)?)));
    kept.waits = rows.collect();
    if !has("domicile_lease") {
        return Ok(kept);
    }
    let sql = "SELECT source, number, holder,
                      coalesce(timestampdiff(MICROSECOND, UTC_TIMESTAMP(6), held_until), 0) / 1e6
               FROM domicile_lease";
    let leased = |(source, number, holder, seconds_left)| (source, Leased { number, holder, seconds_left });
    kept.leases = session.conn.exec_map(sql, (), leased).await?.into_iter().collect();
    if has(STATES.0) {
        let sql = "SELECT source, home, state, why, since, seen_at FROM domicile_state";
        let rows: Vec<(String, String, String, String, i64, i64)> = session.conn.query(sql).await?;
        let state = |(source, home, condition, why, since, seen_at): (_, _, String, _, _, _)| {
            Some(((source, home), State::from_stored(&condition, why, since, seen_at)?))
        };
        kept.states = rows.into_iter().filter_map(state).collect();
    }
    Ok(kept)
}

async fn note_states(session: &mut Session, changes: &[Change]) -> Result<(), Error> {
    let (name, columns) = STATES;
    // In front of the transaction: what makes a table ends one that is open.
    if existing(session, name).await?.is_empty() {
        session.conn.query_drop(create_own_table(session.kind, name, columns)).await?;
    }
    let conn = &mut session.conn;
    conn.query_drop("START TRANSACTION").await?;
    for ((source, home), state) in changes {
        match state {
            Some(State { condition, why, since, seen_at }) => {
                let sql = "REPLACE INTO domicile_state VALUES (?, ?, ?, ?, ?, ?)";
                conn.exec_drop(sql, (source, home, condition.name(), why, since, seen_at)).await?;
            }
            None => {
                let sql = "DELETE FROM domicile_state WHERE source = ? AND home = ?";
                conn.exec_drop(sql, (source, home)).await?;
            }
        }
    }
    conn.query_drop("COMMIT").await
}

async fn make_tables(session: &mut Session) -> Result<(), Error> {
    for (name, columns) in TABLES {
        if existing(session, name).await?.is_empty() {
            session.conn.query_drop(create_own_table(session.kind, name, columns)).await?;
        }
    }
    Ok(())
}

/// The id, or `None` if somebody has taken a lease since it was read.
async fn keep(session: &mut Session, new: &New, claim: Option<&Claim>) -> Result<Option<String>, Failure> {
    let failed = |error: Error| failure(&error);
    // In front of the transaction: what makes a table ends one that is open.
    make_tables(session).await.map_err(failed)?;
    let conn = &mut session.conn;
    let made = "INSERT INTO domicile_control SELECT MD5(CONCAT(UUID(), RAND(), CONNECTION_ID())) FROM DUAL
                WHERE NOT EXISTS (SELECT 1 FROM domicile_control)";
    conn.query_drop(format!("START TRANSACTION; {made}")).await.map_err(failed)?;
    let is_taken = match claim {
        Some(claim) => take(conn, claim).await.map_err(failed)?,
        None => true,
    };
    // What is not committed is undone with the connection.
    if !is_taken {
        return Ok(None);
    }
    if !place(conn, &new.placed).await.map_err(failed)? {
        return Err(placed_elsewhere());
    }
    for rule in &new.rules {
        conn.exec_drop("REPLACE INTO domicile_rule VALUES (?, ?)", rule).await.map_err(failed)?;
    }
    let id: Option<String> = conn.query_first("SELECT id FROM domicile_control").await.map_err(failed)?;
    fault::at(Point::BeforeLeaseTaken);
    conn.query_drop("COMMIT").await.map_err(failed)?;
    Ok(id)
}

/// Takes the leases of all sources, unless somebody has taken one of them since it was read.
async fn take(conn: &mut Conn, claim: &Claim) -> Result<bool, Error> {
    let Claim { holder, seconds, sources } = claim;
    for (source, number) in sources {
        let sql = "SELECT number FROM domicile_lease WHERE source = ? FOR UPDATE";
        let stored: Option<i64> = conn.exec_first(sql, (source,)).await?;
        if stored.is_some_and(|stored| stored != *number) {
            return Ok(false);
        }
        let sql = "REPLACE INTO domicile_lease (source, number, holder, held_until)
                   VALUES (?, ? + 1, ?, UTC_TIMESTAMP(6) + INTERVAL ? SECOND)";
        conn.exec_drop(sql, (source, number, holder, seconds)).await?;
    }
    Ok(true)
}

/// Keeps placements, unless another run has placed one of the keys elsewhere since this one looked.
async fn place(conn: &mut Conn, placed: &[((String, String), String)]) -> Result<bool, Error> {
    for ((source, key), home) in placed {
        let sql = "SELECT home FROM domicile_placement WHERE source = ? AND routing_key = ? FOR UPDATE";
        let stored: Option<String> = conn.exec_first(sql, (source, key)).await?;
        match stored {
            Some(stored) if stored == *home => {}
            Some(_) => return Ok(false),
            None => conn.exec_drop("INSERT INTO domicile_placement VALUES (?, ?, ?)", (source, key, home)).await?,
        }
    }
    Ok(true)
}

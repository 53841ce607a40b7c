//! Up to where a source is settled: which ids nobody can write any more.
//!
//! An INSERT takes a metadata lock on its table before it draws its id, and keeps it until its transaction ends. So, when
//! the highest id is read first and the holders of such locks are noted then, every id up to there is settled once none of
//! these transactions is left. Where locks are not to be seen, the transactions of InnoDB are, which says less.

use std::time::Duration;

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Error, Row, Value};

use super::connect::{Kind, Session};
use crate::config::{From, SourceConfig};
use crate::database::settle::{self, Condition, Patience, WAIT, Watch, Writer, age};
use crate::position::Position;
use crate::source::{Guarantee, Horizon, Waits};

/// How to see what makes a source exact.
const SHOW_LOCKS: &str = "start the server with performance_schema = ON and \
    performance-schema-instrument = 'wait/lock/metadata/sql/mdl=ON', and GRANT SELECT ON performance_schema.* to this user";

/// How to ask whether the server is a replica.
const ASK_REPLICA: &str = "GRANT SLAVE MONITOR ON *.* to this user (REPLICATION CLIENT before MariaDB 10.5)";

/// What is known of how a source gets its records.
pub(super) struct Settling {
    /// The table, where the source is one.
    table: Option<SourceTable>,
    sight: Sight,
    /// The server copies another one; `None` where this user may not know.
    is_replica: Option<bool>,
    /// The server is one of several that are written to.
    is_in_cluster: bool,
    /// What was committed is kept also where the server crashes: by InnoDB, and by the binary log, where there is one.
    is_log_kept: bool,
    is_binlog_kept: bool,
    /// How long writers are waited for.
    pub(super) wait: Duration,
}

pub(super) struct SourceTable {
    pub(super) name: String,
    pub(super) is_innodb: bool,
    /// What is known of the columns of the cursor.
    pub(super) cursor: Vec<CursorColumn>,
}

/// A column of the cursor that is one of a table.
pub(super) struct CursorColumn {
    pub(super) name: String,
    /// It is drawn by AUTO_INCREMENT.
    is_drawn: bool,
    pub(super) is_not_null: bool,
    pub(super) collation: Option<String>,
    /// Its type, for example `varchar(20)`.
    pub(super) declared: String,
}

impl CursorColumn {
    /// Whether its texts are compared byte by byte, with all spaces at their ends.
    pub(super) fn is_bytewise(&self) -> bool {
        matches!(self.collation.as_deref(), Some("utf8mb4_0900_bin" | "utf8mb4_nopad_bin" | "ascii_nopad_bin"))
    }
}

/// By what writers are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// Metadata locks.
    Locks,
    /// Transactions of InnoDB.
    Transactions,
    Nothing,
}

impl Sight {
    /// How often is looked whether writers have ended. What InnoDB shows of transactions, it remembers for 100 ms.
    fn look_again(self) -> Duration {
        Duration::from_millis(if self == Sight::Transactions { 150 } else { 5 })
    }
}

impl Settling {
    pub(super) async fn find(session: &mut Session, config: &SourceConfig) -> Result<Self, Error> {
        let table = match &config.from {
            From::Table(name) => source_table(session, name, &config.cursor).await?,
            From::Query(_) => None,
        };
        let sight = if sees_locks(session).await {
            Sight::Locks
        } else if session.conn.query_drop("SELECT 1 FROM information_schema.innodb_trx LIMIT 1").await.is_ok() {
            Sight::Transactions
        } else {
            Sight::Nothing
        };
        // With a binary log a commit is durable once that is: InnoDB takes back what it has only prepared and does not find there.
        let sql =
            "SELECT @@global.innodb_flush_log_at_trx_commit = 1, @@global.log_bin = 0 OR @@global.sync_binlog = 1";
        let is_kept: Option<(bool, bool)> = session.conn.query_first(sql).await?;
        let (is_log_kept, is_binlog_kept) = is_kept.unwrap_or_default();
        let (is_replica, is_in_cluster) = (is_replica(session).await, is_in_cluster(session).await);
        Ok(Self { table, sight, is_replica, is_in_cluster, is_log_kept, is_binlog_kept, wait: WAIT })
    }

    pub(super) fn guarantee(&self, config: &SourceConfig) -> Guarantee {
        let cursor = config.cursor.join(", ");
        let Some(table) = &self.table else {
            let is_query = matches!(config.from, From::Query(_));
            return if is_query { settle::of_query(config) } else { settle::of_view(config) };
        };
        if !table.is_drawn() {
            return settle::of_application(config, "read by a column that is AUTO_INCREMENT, which can be exact");
        }
        if self.is_replica == Some(true) {
            let reason = "a replica does not know which transactions are still under way on its primary";
            return settle::heuristic(config, reason, "read the primary");
        }
        if self.is_in_cluster {
            let reason = "the server is one of a cluster, and does not know which transactions are still under way on the \
                          others (wsrep_on, or group replication)";
            return settle::heuristic(config, reason, "keep what is read on a server that is written to alone");
        }
        if self.sight == Sight::Nothing {
            let reason = format!("this user does not see who still writes records with the same or a lower `{cursor}`");
            let raise = format!("GRANT PROCESS ON *.* to this user makes it bounded; to make it exact, {SHOW_LOCKS}");
            return settle::heuristic(config, &reason, &raise);
        }
        let reason = format!(
            "`{cursor}` is drawn by AUTO_INCREMENT in the INSERT itself, and records are read once no transaction is left \
             that could have drawn a lower one, unless one is set by hand"
        );
        settle::exact_while(self.conditions(config, table, &cursor), reason)
    }

    fn conditions(&self, config: &SourceConfig, table: &SourceTable, cursor: &str) -> Vec<Condition> {
        let mut conditions = Vec::new();
        if !table.is_innodb {
            let above = format!("each statement takes a `{cursor}` above all that were there before it began");
            conditions.push(Condition::new(above, "use a table of the engine InnoDB"));
        }
        if self.sight == Sight::Transactions {
            let shown = format!(
                "InnoDB shows a transaction (innodb_trx) before that draws its first `{cursor}`, which it does not promise"
            );
            conditions.push(Condition::new(shown, SHOW_LOCKS));
        }
        if !self.is_log_kept {
            let how = "it tells writers of commits that it has not kept yet (innodb_flush_log_at_trx_commit)";
            conditions.push(Condition::no_crash(config, how, "set innodb_flush_log_at_trx_commit = 1"));
        }
        if !self.is_binlog_kept {
            let how = "it tells writers of commits that its binary log has not kept yet (sync_binlog)";
            conditions.push(Condition::no_crash(config, how, "set sync_binlog = 1"));
        }
        if self.is_replica.is_none() {
            let alone = "the server is no replica of another, which this user may not ask";
            conditions.push(Condition::new(alone, ASK_REPLICA));
        }
        conditions
    }

    /// The table, where the source is one.
    pub(super) fn table(&self) -> Option<&SourceTable> {
        self.table.as_ref()
    }

    /// What is known of the columns of the cursor.
    pub(super) fn cursor(&self) -> &[CursorColumn] {
        self.table.as_ref().map_or(&[], |table| &table.cursor)
    }

    /// The highest position that is to be seen, or `reached` where the records up to there are gone: their ids were given, and
    /// never come again.
    pub(super) async fn given(
        &self,
        session: &mut Session,
        seen: Position,
        reached: &Position,
    ) -> Result<Position, Error> {
        let drawn = self.table.as_ref().filter(|table| seen < *reached && table.is_drawn());
        let Some(table) = drawn else { return Ok(seen) };
        if session.kind == Kind::MySql {
            // It would tell what it has known of the table for up to a day.
            session.conn.query_drop("SET SESSION information_schema_stats_expiry = 0").await?;
        }
        let sql = "SELECT auto_increment FROM information_schema.tables
                   WHERE table_schema = DATABASE() AND table_name = ?";
        let next: Option<Option<u64>> = session.conn.exec_first(sql, (&table.name,)).await?;
        let is_given = next.flatten().is_some_and(|next| *reached < Position::At(next.into()));
        Ok(if is_given { reached.clone() } else { seen })
    }

    /// The highest position that is settled, or `reached` if writers stay longer than they are waited for. `upto` is the
    /// highest that is to be seen.
    pub(super) async fn horizon(
        &self,
        session: &mut Session,
        upto: Position,
        reached: &Position,
        waits: Option<&Waits>,
    ) -> Result<Result<Horizon, String>, Error> {
        let (Some(table), false) = (&self.table, self.sight == Sight::Nothing) else {
            return Ok(Ok(Horizon::all(upto)));
        };
        if self.sight == Sight::Locks && locks_lost(session).await? {
            return Ok(Err(String::from(
                "the server has lost sight of metadata locks; raise performance_schema_max_metadata_locks and \
                 performance_schema_max_thread_instances, or run again to do without them",
            )));
        }
        if self.sight == Sight::Transactions {
            tokio::time::sleep(self.sight.look_again()).await;
        }
        let mut watch = Watcher { session, table, sight: self.sight };
        let patience = Patience::new(self.wait, self.sight.look_again());
        settle::settled(&mut watch, patience, upto, reached, waits).await.map(Ok)
    }
}

impl SourceTable {
    fn is_drawn(&self) -> bool {
        matches!(&self.cursor[..], [CursorColumn { is_drawn: true, .. }])
    }
}

async fn source_table(session: &mut Session, table: &str, cursor: &[String]) -> Result<Option<SourceTable>, Error> {
    let sql = "SELECT engine FROM information_schema.tables
               WHERE table_schema = DATABASE() AND table_name = ? AND table_type = 'BASE TABLE'";
    let engine: Option<Option<String>> = session.conn.exec_first(sql, (table,)).await?;
    let Some(engine) = engine else { return Ok(None) };
    let sql = "SELECT column_name, extra LIKE '%auto_increment%', is_nullable = 'NO', collation_name, column_type
               FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?";
    let columns: Vec<(String, bool, bool, Option<String>, String)> = session.conn.exec(sql, (table,)).await?;
    let is_of_cursor = |name: &str| cursor.iter().any(|column| column.eq_ignore_ascii_case(name));
    let columns = columns.into_iter().filter(|(name, ..)| is_of_cursor(name));
    let column = |(name, is_drawn, is_not_null, collation, declared)| CursorColumn {
        name,
        is_drawn,
        is_not_null,
        collation,
        declared,
    };
    Ok(Some(SourceTable {
        name: table.to_owned(),
        is_innodb: engine.is_some_and(|engine| engine.eq_ignore_ascii_case("InnoDB")),
        cursor: columns.map(column).collect(),
    }))
}

/// Whether the server notes all metadata locks, and this user sees them.
async fn sees_locks(session: &mut Session) -> bool {
    let sql = "SELECT @@performance_schema = 1 AND count(*) = 2
               FROM (SELECT 1 FROM performance_schema.setup_instruments
                     WHERE name = 'wait/lock/metadata/sql/mdl' AND enabled = 'YES'
                     UNION ALL
                     SELECT 1 FROM performance_schema.setup_consumers
                     WHERE name = 'global_instrumentation' AND enabled = 'YES') AS needed";
    let is_on: Result<Option<bool>, Error> = session.conn.query_first(sql).await;
    let sees = "SELECT count(*) FROM performance_schema.metadata_locks l
                JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id";
    matches!(is_on, Ok(Some(true)))
        && session.conn.query_drop(sees).await.is_ok()
        && matches!(locks_lost(session).await, Ok(false))
}

/// Whether there was no room to note a lock, or a thread with its locks.
async fn locks_lost(session: &mut Session) -> Result<bool, Error> {
    let sql = "SHOW GLOBAL STATUS WHERE variable_name IN
                   ('Performance_schema_metadata_lock_lost', 'Performance_schema_thread_instances_lost')";
    let found: Vec<(String, u64)> = session.conn.query(sql).await?;
    Ok(found.len() < 2 || found.iter().any(|(_, lost)| *lost > 0))
}

/// Whether the server copies another one; `None` where this user may not know.
async fn is_replica(session: &mut Session) -> Option<bool> {
    let is_read_only: Result<Option<String>, Error> = session.conn.query_first("SELECT @@global.read_only").await;
    if is_read_only.is_ok_and(|found| found.is_some_and(|found| !matches!(found.as_str(), "0" | "OFF"))) {
        return Some(true);
    }
    let sql = match session.kind {
        Kind::MariaDb => "SHOW ALL SLAVES STATUS",
        Kind::MySql => "SELECT 1 FROM performance_schema.replication_connection_configuration WHERE host <> ''",
    };
    let copies: Result<Vec<Row>, Error> = session.conn.query(sql).await;
    copies.ok().map(|copies| !copies.is_empty())
}

/// Whether others write what this server has as well: in a cluster of Galera, or in a group of MySQL, which whoever sees
/// locks may ask for.
async fn is_in_cluster(session: &mut Session) -> bool {
    let sql = "SHOW GLOBAL VARIABLES WHERE variable_name = 'wsrep_on' AND value = 'ON'";
    let cluster: Result<Vec<Row>, Error> = session.conn.query(sql).await;
    let group: Result<Vec<Row>, Error> = match session.kind {
        Kind::MariaDb => Ok(Vec::new()),
        Kind::MySql => {
            let sql = "SELECT 1 FROM performance_schema.replication_group_members WHERE member_state <> 'OFFLINE'";
            session.conn.query(sql).await
        }
    };
    [cluster, group].into_iter().flatten().any(|found| !found.is_empty())
}

/// Looks who writes to a table.
struct Watcher<'a> {
    session: &'a mut Session,
    table: &'a SourceTable,
    sight: Sight,
}

#[async_trait]
impl Watch for Watcher<'_> {
    type Error = Error;

    async fn writers(&mut self) -> Result<Vec<Writer>, Error> {
        let mut writers: Vec<Writer> = match self.sight {
            Sight::Locks => self.holders().await?,
            Sight::Transactions => self.transactions().await?,
            Sight::Nothing => Vec::new(),
        };
        // Behind the others: whoever is set aside in between is among one or the other.
        writers.extend(self.prepared().await);
        Ok(writers)
    }

    async fn server(&mut self) -> Result<String, Error> {
        let status = match self.session.kind {
            Kind::MariaDb => "information_schema.global_status",
            Kind::MySql => "performance_schema.global_status",
        };
        // Both times are those of the statement, so that the difference is when the server was started.
        let sql = format!(
            "SELECT concat_ws(' ', @@hostname, @@port, @@server_id, UNIX_TIMESTAMP() - CAST(s.variable_value AS SIGNED),
                              t.table_schema, t.table_name, t.create_time)
             FROM {status} s, information_schema.tables t
             WHERE s.variable_name = 'Uptime' AND t.table_schema = DATABASE() AND t.table_name = ?"
        );
        let server: Option<String> = self.session.conn.exec_first(sql, (&self.table.name,)).await?;
        let cursor: Vec<_> = self.table.cursor.iter().map(|column| column.name.as_str()).collect();
        Ok(format!("{} {cursor:?} {:?}", server.unwrap_or_default(), self.sight))
    }
}

impl Watcher<'_> {
    /// Who holds a lock by which rows may have been written. A lock is told from the next one of the same thread by the
    /// event in which it was taken and where it is kept.
    async fn holders(&mut self) -> Result<Vec<Writer>, Error> {
        let sql = "SELECT l.owner_thread_id, l.owner_event_id, l.object_instance_begin, t.processlist_id,
                          t.processlist_command, t.processlist_time
                   FROM performance_schema.metadata_locks l
                   LEFT JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id
                   WHERE l.object_type = 'TABLE' AND lower(l.object_schema) = lower(DATABASE())
                     AND lower(l.object_name) = lower(?)
                     AND l.lock_status <> 'PENDING' AND coalesce(t.processlist_id, 0) <> CONNECTION_ID()
                     AND l.lock_type NOT IN ('INTENTION_EXCLUSIVE', 'SHARED', 'SHARED_HIGH_PRIO', 'SHARED_READ',
                                             'SHARED_READ_ONLY')";
        type Holder = (Option<u64>, Option<u64>, Option<u64>, Option<u64>, Option<String>, Option<i64>);
        let holders: Vec<Holder> = self.session.conn.exec(sql, (&self.table.name,)).await?;
        let writer = |(thread, event, place, id, command, seconds): Holder| Writer {
            transaction: format!("{thread:?} {event:?} {place:?}"),
            is_renamed: id.is_none(),
            told: told(id, command.zip(seconds).map(|(command, seconds)| format!("{command} for {}", age(seconds)))),
        };
        Ok(holders.into_iter().map(writer).collect())
    }

    /// The transactions that may write, to whatever table.
    async fn transactions(&mut self) -> Result<Vec<Writer>, Error> {
        let sql = "SELECT trx_mysql_thread_id, CAST(trx_started AS CHAR),
                          TIMESTAMPDIFF(SECOND, CONVERT_TZ(trx_started, 'SYSTEM', '+00:00'), UTC_TIMESTAMP())
                   FROM information_schema.innodb_trx
                   WHERE trx_mysql_thread_id <> CONNECTION_ID() AND trx_is_read_only = 0";
        type Transaction = (u64, Option<String>, Option<i64>);
        let transactions: Vec<Transaction> = self.session.conn.query(sql).await?;
        // The id of a transaction changes when it first writes.
        let writer = |(thread, began, seconds): Transaction| Writer {
            transaction: format!("{thread} {began:?}"),
            is_renamed: thread == 0,
            told: told(Some(thread), seconds.map(|seconds| format!("open for {}", age(seconds)))),
        };
        Ok(transactions.into_iter().map(writer).collect())
    }

    /// Transactions that are only prepared may belong to no connection, and then MariaDB shows no lock of theirs. MySQL does,
    /// and does not let everybody list them.
    async fn prepared(&mut self) -> Vec<Writer> {
        let rows: Vec<Row> = self.session.conn.query("XA RECOVER").await.unwrap_or_default();
        let bytes = |value: &Value| if let Value::Bytes(bytes) = value { bytes.clone() } else { Vec::new() };
        let writer = |row: Row| Writer {
            // Its format, the lengths of its id's parts, and its id.
            transaction: format!("{:?}", row.unwrap().iter().map(bytes).collect::<Vec<_>>()),
            is_renamed: true,
            told: String::from("a prepared transaction (XA RECOVER)"),
        };
        rows.into_iter().map(writer).collect()
    }
}

fn told(connection: Option<u64>, state: Option<String>) -> String {
    match (connection.filter(|id| *id > 0), state) {
        (Some(id), Some(state)) => format!("the writer with the connection {id} ({state})"),
        (Some(id), None) => format!("the writer with the connection {id}"),
        (None, _) => String::from("a writer of the server itself"),
    }
}

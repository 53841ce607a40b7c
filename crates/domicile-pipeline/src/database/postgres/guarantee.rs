//! Up to where a source is settled: which ids nobody can write any more.
//!
//! An INSERT takes a lock on its table before it draws its id, and keeps it until its transaction ends. So, when the
//! highest id is read first and the holders of such locks are noted then, every id up to there is settled once none of
//! these transactions is left: it is visible, or it will never be.

use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::{Client, Error};

use crate::config::{From, SourceConfig};
use crate::database::settle::{self, Watch, Writer};
use crate::position::Position;
use crate::source::{Guarantee, GuaranteeClass, Horizon};

/// How often is looked whether they have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What is known of how a source gets its records.
pub(super) struct Settling {
    /// The table, where the source is one.
    table: Option<(String, u32)>,
    /// The sequence that gives the cursor, if one does.
    sequence: Option<Sequence>,
    is_standby: bool,
    /// How records that were committed can vanish in a crash, if they can, and what keeps them from it.
    volatile: Option<(&'static str, &'static str)>,
    /// The columns of the cursor that cannot be NULL.
    not_null: Vec<String>,
}

struct Sequence {
    oid: u32,
    cache: i64,
    grows: bool,
}

impl Settling {
    pub(super) async fn find(client: &Client, config: &SourceConfig) -> Result<Self, Error> {
        let is_standby = client.query_one("SELECT pg_is_in_recovery()", &[]).await?.get(0);
        let From::Table(table) = &config.from else {
            return Ok(Self { table: None, sequence: None, is_standby, volatile: None, not_null: Vec::new() });
        };
        // Of a view it is not known which tables its rows come from.
        let sql = "SELECT oid FROM pg_class WHERE oid = to_regclass(quote_ident($1)) AND relkind IN ('r', 'p')";
        let found = client.query_opt(sql, &[table]).await?.map(|row| (table.clone(), row.get(0)));
        let sql = "SELECT s.seqrelid, s.seqcache, s.seqincrement > 0 AND NOT s.seqcycle
                   FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid
                   JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                   WHERE d.refobjid = to_regclass(quote_ident($1)) AND d.classid = 'pg_class'::regclass
                     AND d.deptype IN ('a', 'i') AND a.attname = $2";
        let sequence = match &config.cursor[..] {
            [column] => client.query_opt(sql, &[table, column]).await?,
            _ => None,
        };
        let sql = "SELECT attname::text FROM pg_attribute
                   WHERE attrelid = to_regclass(quote_ident($1)) AND attname = ANY ($2) AND attnotnull";
        let not_null = client.query(sql, &[table, &config.cursor]).await?.iter().map(|row| row.get(0)).collect();
        Ok(Self {
            table: found,
            sequence: sequence.map(|row| Sequence { oid: row.get(0), cache: row.get(1), grows: row.get(2) }),
            is_standby,
            volatile: volatile(client, table).await?,
            not_null,
        })
    }

    /// The name of the table, where the source is one.
    pub(super) fn table(&self) -> Option<&str> {
        self.table.as_ref().map(|(name, _)| name.as_str())
    }

    pub(super) fn not_null(&self) -> &[String] {
        &self.not_null
    }

    pub(super) fn guarantee(&self, config: &SourceConfig) -> Guarantee {
        if matches!(config.from, From::Query(_)) {
            return settle::of_query(config);
        }
        if self.table.is_none() {
            return settle::of_view(config);
        }
        if self.is_standby {
            let reason = "a standby does not know which transactions are still under way on its primary";
            return settle::heuristic(config, reason, "read the primary");
        }
        let cursor = config.cursor.join(", ");
        match &self.sequence {
            Some(Sequence { cache: 1, grows: true, .. }) if let Some((how, mend)) = self.volatile => {
                settle::of_volatile(config, how, mend)
            }
            Some(Sequence { cache: 1, grows: true, .. }) => Guarantee {
                class: GuaranteeClass::Exact,
                reason: format!(
                    "`{cursor}` is drawn from a sequence by the INSERT itself, and records are read once no transaction \
                     is left that could have drawn a lower one, unless one is set by hand"
                ),
                raise: None,
            },
            Some(Sequence { grows: true, cache, .. }) => Guarantee {
                class: GuaranteeClass::Bounded,
                reason: format!(
                    "exact while only one session writes: the sequence of `{cursor}` \
                     gives each session {cache} at once"
                ),
                raise: Some(String::from("ALTER SEQUENCE … CACHE 1 makes it exact")),
            },
            Some(_) => {
                let reason = format!("the sequence of `{cursor}` goes down or begins anew");
                settle::heuristic(config, &reason, "use a cursor that only grows")
            }
            None => settle::of_application(config, "a column that is GENERATED ALWAYS AS IDENTITY makes it exact"),
        }
    }

    /// The highest position that is settled, or `reached` if writers stay longer than they are waited for. `highest` is the
    /// highest that is to be seen.
    pub(super) async fn horizon(
        &self,
        client: &Client,
        highest: Position,
        reached: &Position,
    ) -> Result<Horizon, Error> {
        let mut watch = Watcher { client, table: self.table.as_ref().map(|(_, oid)| *oid) };
        // Only what is seen is settled: an id that was drawn in vain may be drawn again after a crash. But where the last
        // records have been deleted, what was reached is where the source ends.
        let is_gone = highest < *reached && self.drawn(client).await?.is_some_and(|drawn| drawn >= *reached);
        let upto = if is_gone { reached.clone() } else { highest };
        settle::settled(&mut watch, LOOK_AGAIN, upto, reached).await
    }

    /// The highest id that was drawn, by which a source that was emptied is told from one that was restored.
    async fn drawn(&self, client: &Client) -> Result<Option<Position>, Error> {
        let Some(Sequence { oid, grows: true, .. }) = self.sequence else { return Ok(None) };
        // NULL before the first.
        let drawn: Option<i64> = client.query_one("SELECT pg_sequence_last_value($1::oid)", &[&oid]).await?.get(0);
        Ok(drawn.map(|id| Position::At(id.into())))
    }
}

/// How records of a table that were committed can vanish in a crash, if they can, and what keeps them from it. Their ids
/// are drawn again then.
async fn volatile(client: &Client, table: &str) -> Result<Option<(&'static str, &'static str)>, Error> {
    let sql = "WITH RECURSIVE tree AS (
                   SELECT to_regclass(quote_ident($1))::oid AS oid
                   UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid)
               SELECT EXISTS (SELECT FROM pg_class JOIN tree USING (oid) WHERE relpersistence <> 'p'),
                      NOT current_setting('fsync')::boolean,
                      current_setting('synchronous_commit') = 'off' OR EXISTS (
                          SELECT FROM pg_db_role_setting, unnest(setconfig) AS setting
                          WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
                            AND setting ~* '^synchronous_commit=(off|false|no|0)$')";
    let row = client.query_one(sql, &[&table]).await?;
    Ok(if row.get(0) {
        Some(("the table is UNLOGGED", "ALTER TABLE … SET LOGGED makes it exact"))
    } else if row.get(1) {
        Some(("the server does without fsync", "fsync = on makes it exact"))
    } else if row.get(2) {
        let mend = "synchronous_commit = on for all who write makes it exact";
        Some(("the server tells writers of commits that it has not kept yet (synchronous_commit)", mend))
    } else {
        None
    })
}

/// Looks who writes to a table.
struct Watcher<'a> {
    client: &'a Client,
    table: Option<u32>,
}

#[async_trait]
impl Watch for Watcher<'_> {
    type Error = Error;

    /// The transactions that hold a lock of a writer on the source, those that are only prepared among them.
    async fn writers(&mut self) -> Result<Vec<Writer>, Error> {
        // What inherits from a table is read with it, also what does so since a moment ago.
        let sql = "WITH RECURSIVE tree AS (
                       SELECT $1::oid AS oid UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid)
                   SELECT DISTINCT l.virtualtransaction, l.pid, extract(epoch FROM now() - a.xact_start)::bigint
                   FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
                   WHERE l.locktype = 'relation' AND l.granted AND l.relation IN (SELECT oid FROM tree)
                     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                     AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')";
        let rows = self.client.query(sql, &[&self.table]).await?;
        let writer = |row: &tokio_postgres::Row| Writer {
            transaction: row.get(0),
            told: match (row.get::<_, Option<i32>>(1), row.get::<_, Option<i64>>(2)) {
                (Some(pid), Some(seconds)) => format!("the writer with the pid {pid}, open for {seconds} s"),
                (Some(pid), None) => format!("the writer with the pid {pid}"),
                (None, _) => String::from("a prepared transaction (pg_prepared_xacts)"),
            },
        };
        Ok(rows.iter().map(writer).collect())
    }
}

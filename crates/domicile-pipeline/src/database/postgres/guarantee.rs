//! Up to where a source is settled: which ids nobody can write any more.
//!
//! An INSERT takes a lock on its table before it draws its id, and keeps it until its transaction ends. So, when the
//! highest id is read first and the holders of such locks are noted then, every id up to there is settled once none of
//! these transactions is left: it is visible, or it will never be.

use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::{Client, Error, Row};

use super::relation;
use crate::config::{From, SourceConfig};
use crate::database::settle::{self, Condition, Patience, WAIT, Watch, Writer, age};
use crate::position::Position;
use crate::source::{Guarantee, Horizon, Waits};

/// How often is looked whether they have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What is known of how a source gets its records.
pub(super) struct Settling {
    /// The table, where the source is one.
    table: Option<(String, u32)>,
    drawn: Drawn,
    facts: Facts,
    /// The columns of the cursor, and those among them that cannot be NULL.
    cursor: Vec<String>,
    not_null: Vec<String>,
    /// How long writers are waited for.
    pub(super) wait: Duration,
}

/// Who gives the cursor's values, where they are not set by hand.
enum Drawn {
    /// The INSERT itself, from a sequence, in every part of the table.
    From(Sequence),
    /// Another part of the table draws them elsewhere.
    Mixed(String),
    ByNobody,
}

struct Sequence {
    oid: u32,
    /// As SQL names it.
    name: String,
    cache: i64,
    grows: bool,
}

impl Settling {
    pub(super) async fn find(client: &Client, config: &SourceConfig) -> Result<Self, Error> {
        let From::Table(name) = &config.from else { return Ok(Self::unknown()) };
        // Of a view it is not known which tables its rows come from.
        let sql = "SELECT oid FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p')";
        let Some(row) = client.query_opt(sql, &[&relation(name)]).await? else { return Ok(Self::unknown()) };
        let table: u32 = row.get(0);
        let drawn = match &config.cursor[..] {
            [column] => Drawn::find(client, table, column).await?,
            _ => Drawn::ByNobody,
        };
        let sql = "SELECT attname::text FROM pg_attribute WHERE attrelid = $1 AND attname = ANY ($2) AND attnotnull";
        let not_null = client.query(sql, &[&table, &config.cursor]).await?.iter().map(|row| row.get(0)).collect();
        let facts = Facts::find(client, table).await?;
        let cursor = config.cursor.clone();
        Ok(Self { table: Some((name.clone(), table)), drawn, facts, cursor, not_null, wait: WAIT })
    }

    /// What is known where it is not known which tables records come from.
    fn unknown() -> Self {
        let (cursor, not_null) = (Vec::new(), Vec::new());
        Self { table: None, drawn: Drawn::ByNobody, facts: Facts::default(), cursor, not_null, wait: WAIT }
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
        let cursor = config.cursor.join(", ");
        match (&self.drawn, self.facts.hides_writers()) {
            (Drawn::ByNobody, _) => {
                let raise = "read by a column that is GENERATED ALWAYS AS IDENTITY, which can be exact";
                settle::of_application(config, raise)
            }
            (_, Some((reason, raise))) => settle::heuristic(config, reason, raise),
            (Drawn::From(sequence), None) => self.of_sequence(config, sequence, &cursor),
            (Drawn::Mixed(part), None) => {
                let reason =
                    format!("the part `{part}` of the table does not draw `{cursor}` from the table's sequence");
                settle::heuristic(config, &reason, "one sequence in the defaults of all parts makes it exact")
            }
        }
    }

    fn of_sequence(&self, config: &SourceConfig, sequence: &Sequence, cursor: &str) -> Guarantee {
        if !sequence.grows {
            let reason = format!("the sequence of `{cursor}` goes down or begins anew");
            return settle::heuristic(config, &reason, "use a cursor that only grows");
        }
        let mut conditions = Vec::new();
        if sequence.cache > 1 {
            let cached = format!(
                "only one session writes: the sequence of `{cursor}` gives each session {} at once",
                sequence.cache
            );
            conditions.push(Condition::new(cached, format!("ALTER SEQUENCE {} CACHE 1", sequence.name)));
        }
        if let Some((how, mend)) = self.facts.may_forget() {
            conditions.push(Condition::no_crash(config, how, mend));
        }
        let reason = format!(
            "`{cursor}` is drawn from a sequence by the INSERT itself, and records are read once no transaction is left that \
             could have drawn a lower one, unless one is set by hand"
        );
        settle::exact_while(conditions, reason)
    }

    /// The highest position that is settled, or `reached` if writers stay longer than they are waited for. `highest` is the
    /// highest that is to be seen. The inner error says why it cannot be told.
    pub(super) async fn horizon(
        &self,
        client: &Client,
        highest: Position,
        reached: &Position,
        waits: Option<&Waits>,
    ) -> Result<Result<Horizon, String>, Error> {
        // Only what is seen is settled: an id that was drawn in vain may be drawn again after a crash. But where the last
        // records have been deleted, what was reached is where the source ends.
        let upto = match &self.drawn {
            Drawn::From(sequence) if highest < *reached => match sequence.has_drawn(client, reached).await? {
                Some(true) => reached.clone(),
                Some(false) => highest,
                None => {
                    return Ok(Err(format!(
                        "it ends at {highest}, but a home has got to {reached}; whether its last records were deleted, or \
                         it was restored or replaced, its sequence tells: GRANT SELECT ON SEQUENCE {} to this user",
                        sequence.name
                    )));
                }
            },
            _ => highest,
        };
        let mut watch = Watcher { client, table: self.table.as_ref().map(|(_, oid)| *oid), cursor: &self.cursor };
        settle::settled(&mut watch, Patience::new(self.wait, LOOK_AGAIN), upto, reached, waits).await.map(Ok)
    }
}

/// The table `$1` with all its partitions, and with what inherits from it.
const TREE: &str = "WITH RECURSIVE tree AS (
    SELECT $1::oid AS oid UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid)";

impl Drawn {
    /// Who gives the values of a column. A part without a default has them from the table, or set by hand. Since version 17
    /// a partition has the identity of its table and no sequence for it: it draws from that of the topmost table, also where
    /// records are inserted into the partition itself, and none with an identity of its own can be attached.
    /// Source: `getIdentitySequence` and `ATExecAttachPartition` of PostgreSQL 17
    /// (<https://github.com/postgres/postgres/commit/699586315704a8268808e3bdba4cb5924a038c49>)
    async fn find(client: &Client, table: u32, column: &str) -> Result<Self, Error> {
        let sql = format!(
            "{TREE} SELECT tree.oid, tree.oid::regclass::text, seqrelid, seqrelid::regclass::text, seqcache,
                    seqincrement > 0 AND NOT seqcycle
             FROM tree JOIN pg_class USING (oid) JOIN pg_attribute a ON attrelid = tree.oid AND attname = $2
             LEFT JOIN pg_attrdef d ON adrelid = tree.oid AND adnum = attnum
             LEFT JOIN pg_sequence ON
                 CASE WHEN attidentity <> '' THEN
                     EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = seqrelid
                             AND refclassid = 'pg_class'::regclass AND refobjid = tree.oid AND refobjsubid = attnum
                             AND deptype = 'i')
                 ELSE
                     EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_attrdef'::regclass AND objid = d.oid
                             AND refclassid = 'pg_class'::regclass AND refobjid = seqrelid)
                     AND pg_get_expr(adbin, adrelid) = format('nextval(%L::regclass)', seqrelid::regclass)
                 END
             WHERE tree.oid = $1 OR d.oid IS NOT NULL
                OR (attidentity <> '' AND NOT (relispartition AND seqrelid IS NULL))"
        );
        let rows = client.query(&sql, &[&table, &column]).await?;
        let sequence = |row: &Row| {
            let oid = row.get::<_, Option<u32>>(2)?;
            Some(Sequence { oid, name: row.get(3), cache: row.get(4), grows: row.get(5) })
        };
        let own = rows.iter().find(|row| row.get::<_, u32>(0) == table).and_then(sequence);
        let Some(own) = own else { return Ok(Self::ByNobody) };
        let other = rows.iter().find(|row| row.get::<_, Option<u32>>(2) != Some(own.oid));
        Ok(other.map_or(Self::From(own), |other| Self::Mixed(other.get(1))))
    }
}

impl Sequence {
    /// Whether so high an id was drawn, by which a source that was emptied is told from one that was restored. `None` where
    /// this user may not know.
    async fn has_drawn(&self, client: &Client, position: &Position) -> Result<Option<bool>, Error> {
        let sql = "SELECT has_sequence_privilege($1::oid, 'USAGE, SELECT'),
                          CASE WHEN has_sequence_privilege($1::oid, 'USAGE, SELECT') THEN pg_sequence_last_value($1::oid) END";
        let row = client.query_one(sql, &[&self.oid]).await?;
        // NULL before the first.
        let drawn = row.get::<_, Option<i64>>(1).map_or(Position::Start, |id| Position::At(id.into()));
        Ok(row.get::<_, bool>(0).then(|| drawn >= *position))
    }
}

/// What of the server and the table stands against the rule.
#[derive(Default)]
struct Facts {
    is_standby: bool,
    is_partly_foreign: bool,
    is_subscribed: bool,
    is_filtered: bool,
    is_unlogged: bool,
    is_without_fsync: bool,
    is_asynchronous: bool,
}

impl Facts {
    async fn find(client: &Client, table: u32) -> Result<Self, Error> {
        let sql = format!(
            "{TREE} SELECT pg_is_in_recovery(),
                    EXISTS (SELECT FROM pg_class JOIN tree USING (oid) WHERE relkind = 'f'),
                    EXISTS (SELECT FROM pg_subscription_rel JOIN tree ON oid = srrelid),
                    row_security_active($1::oid),
                    EXISTS (SELECT FROM pg_class JOIN tree USING (oid) WHERE relpersistence <> 'p'),
                    NOT current_setting('fsync')::boolean,
                    current_setting('synchronous_commit') = 'off' OR EXISTS (
                        SELECT FROM pg_db_role_setting, unnest(setconfig) AS setting
                        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
                          AND setting ~* '^synchronous_commit=(off|false|no|0)$')"
        );
        let row = client.query_one(&sql, &[&table]).await?;
        Ok(Self {
            is_standby: row.get(0),
            is_partly_foreign: row.get(1),
            is_subscribed: row.get(2),
            is_filtered: row.get(3),
            is_unlogged: row.get(4),
            is_without_fsync: row.get(5),
            is_asynchronous: row.get(6),
        })
    }

    /// Why records may come late whose writers are not seen here, if they may, and what would be better.
    fn hides_writers(&self) -> Option<(&'static str, &'static str)> {
        if self.is_standby {
            let reason = "a standby does not know which transactions are still under way on its primary";
            Some((reason, "read the primary"))
        } else if self.is_subscribed {
            let reason = "a subscription writes to the table, in the order in which its publisher committed";
            Some((reason, "read the publisher"))
        } else if self.is_partly_foreign {
            Some(("a part of the table is on another server, whose writers are not seen here", "read that one as well"))
        } else if self.is_filtered {
            let reason = "row level security shows this user a part of the records, and may show another one later";
            Some((reason, "ALTER ROLE … BYPASSRLS shows this user all of them"))
        } else {
            None
        }
    }

    /// How records that were committed can vanish in a crash, if they can, and what keeps them from it. Their ids are
    /// drawn again then.
    fn may_forget(&self) -> Option<(&'static str, &'static str)> {
        if self.is_unlogged {
            Some(("the table is UNLOGGED", "ALTER TABLE … SET LOGGED"))
        } else if self.is_without_fsync {
            Some(("the server does without fsync", "set fsync = on"))
        } else if self.is_asynchronous {
            let mend = "set synchronous_commit = on for all who write";
            Some(("the server tells writers of commits that it has not kept yet (synchronous_commit)", mend))
        } else {
            None
        }
    }
}

/// Looks who writes to a table.
struct Watcher<'a> {
    client: &'a Client,
    table: Option<u32>,
    cursor: &'a [String],
}

#[async_trait]
impl Watch for Watcher<'_> {
    type Error = Error;

    /// The transactions that hold a lock of a writer on the source, those that are only prepared among them.
    async fn writers(&mut self) -> Result<Vec<Writer>, Error> {
        // What inherits from a table is read with it, also what does so since a moment ago.
        let sql = format!(
            "{TREE}, locks AS MATERIALIZED (SELECT * FROM pg_locks WHERE granted)
             SELECT DISTINCT l.virtualtransaction, l.pid, p.gid,
                    extract(epoch FROM now() - coalesce(a.xact_start, p.prepared))::bigint,
                    a.pid IS NOT NULL AND a.backend_start IS NULL
             FROM locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
             LEFT JOIN locks x ON l.pid IS NULL AND x.virtualtransaction = l.virtualtransaction
                              AND x.locktype = 'transactionid'
             LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
             WHERE l.locktype = 'relation' AND l.relation IN (SELECT oid FROM tree)
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
        );
        let rows = self.client.query(&sql, &[&self.table]).await?;
        let writer = |row: &Row| Writer {
            transaction: row.get(0),
            // A prepared transaction keeps its name, but for one that the server has found when it was started.
            is_renamed: row.get::<_, &str>(0).starts_with("-1/"),
            told: told(row),
        };
        Ok(rows.iter().map(writer).collect())
    }

    async fn server(&mut self) -> Result<String, Error> {
        let sql =
            "SELECT concat_ws(' ', pg_postmaster_start_time(), current_database(), $1::oid, pg_relation_filenode($1))";
        let server: String = self.client.query_one(sql, &[&self.table]).await?.get(0);
        Ok(format!("{server} {:?}", self.cursor))
    }
}

fn told(row: &Row) -> String {
    let who = match (row.get::<_, Option<i32>>(1), row.get::<_, Option<String>>(2)) {
        (Some(pid), _) => format!("the writer with the pid {pid}"),
        (None, Some(name)) => format!("the prepared transaction {name} (pg_prepared_xacts)"),
        (None, None) => String::from("a prepared transaction (pg_prepared_xacts)"),
    };
    match row.get::<_, Option<i64>>(3) {
        Some(seconds) => format!("{who}, open for {}", age(seconds)),
        None if row.get(4) => format!("{who} (GRANT pg_read_all_stats to this user shows its age)"),
        None => who,
    }
}

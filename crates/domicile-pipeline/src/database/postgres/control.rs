//! What a control database of PostgreSQL keeps from run to run.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::try_join;
use tokio_postgres::{Client, Error, Row};

use super::connect::connect;
use super::encoding::kept_by;
use super::failure;
use super::schema::{Catalogue, LOCK_TABLES, create_own_tables};
use crate::config::ServerUrl;
use crate::control::{Control, End, Kept, New, placed_elsewhere};
use crate::error::Failure;
use crate::fault::{self, Point};
use crate::lease::{Claim, Leased};
use crate::source::Waits;
use crate::state::{Change, OfHome, State};

pub(super) const TABLES: [(&str, &str); 6] = [
    ("domicile_control", "id text NOT NULL PRIMARY KEY"),
    (
        "domicile_placement",
        "source text NOT NULL,
         routing_key text NOT NULL,
         home text NOT NULL,
         PRIMARY KEY (source, routing_key)",
    ),
    ("domicile_rule", "source text NOT NULL PRIMARY KEY, rule text NOT NULL"),
    (
        "domicile_end",
        "source text NOT NULL PRIMARY KEY,
         position text NOT NULL,
         fingerprint text NOT NULL,
         seen_at bigint NOT NULL",
    ),
    ("domicile_wait", "source text NOT NULL PRIMARY KEY, waits text NOT NULL"),
    (
        "domicile_lease",
        "source text NOT NULL PRIMARY KEY,
         number bigint NOT NULL,
         holder text,
         held_until timestamptz",
    ),
];

/// Which homes are not well.
const STATES: [(&str, &str); 1] = [(
    "domicile_state",
    "source text NOT NULL,
     home text NOT NULL,
     state text NOT NULL,
     why text NOT NULL,
     since bigint NOT NULL,
     seen_at bigint NOT NULL,
     PRIMARY KEY (source, home)",
)];

/// Notes the end of a source.
const NOTE: &str = "INSERT INTO domicile_end VALUES ($1, $2, $3, $4) ON CONFLICT (source) DO UPDATE
    SET position = excluded.position, fingerprint = excluded.fingerprint, seen_at = excluded.seen_at";

/// A control database on a server.
pub(crate) struct PostgresControl(ServerUrl);

impl PostgresControl {
    pub(crate) fn new(server: ServerUrl) -> Self {
        Self(server)
    }

    /// A connection whose transactions the server undoes when it hears nothing of them, such as those of a run that is stopped:
    /// all other runs wait for them.
    async fn connect(&self) -> Result<Client, Failure> {
        let client = connect(&self.0).await?;
        let briefly = client.batch_execute("SET idle_in_transaction_session_timeout TO '10s'").await;
        briefly.map_err(|error| failure(&error))?;
        Ok(client)
    }
}

#[async_trait]
impl Control for PostgresControl {
    async fn read(&mut self) -> Result<Kept, Failure> {
        let client = self.connect().await?;
        read(&client).await.map_err(|error| failure(&error))
    }

    async fn keep(&mut self, new: &New, claim: Option<Claim>) -> Result<Option<String>, Failure> {
        let client = self.connect().await?;
        let failed = |error: Error| failure(&error);
        begin(&client).await.map_err(failed)?;
        let is_taken = match &claim {
            Some(claim) => take(&client, claim).await.map_err(failed)?,
            None => true,
        };
        // What is not committed is undone with the connection.
        if !is_taken {
            return Ok(None);
        }
        if !place(&client, &new.placed).await.map_err(failed)? {
            return Err(placed_elsewhere());
        }
        for (source, rule) in &new.rules {
            let sql =
                "INSERT INTO domicile_rule VALUES ($1, $2) ON CONFLICT (source) DO UPDATE SET rule = excluded.rule";
            client.execute(sql, &[source, rule]).await.map_err(failed)?;
        }
        let id = client.query_one("SELECT id FROM domicile_control", &[]).await.map_err(failed)?.get(0);
        fault::at(Point::BeforeLeaseTaken);
        client.batch_execute("COMMIT").await.map_err(failed)?;
        Ok(Some(id))
    }

    async fn renew(&mut self, holder: &str, seconds: f64) -> Result<usize, Failure> {
        let client = self.connect().await?;
        let sql =
            "UPDATE domicile_lease SET held_until = clock_timestamp() + $2::double precision * interval '1 second'
                   WHERE holder = $1 AND held_until > clock_timestamp()";
        let renewed = client.execute(sql, &[&holder, &seconds]).await.map_err(|error| failure(&error))?;
        Ok(usize::try_from(renewed).unwrap_or(usize::MAX))
    }

    async fn release(&mut self, holder: &str, ends: Vec<(String, End)>) -> Result<(), Failure> {
        let client = self.connect().await?;
        let released = async {
            client.batch_execute("BEGIN").await?;
            for (source, end) in &ends {
                client.execute(NOTE, &[source, &end.position, &end.fingerprint, &end.at]).await?;
            }
            let sql = "UPDATE domicile_lease SET holder = NULL, held_until = NULL WHERE holder = $1";
            client.execute(sql, &[&holder]).await?;
            client.batch_execute("COMMIT").await
        };
        released.await.map_err(|error| failure(&error))
    }

    async fn note(&mut self, source: &str, end: &End) -> Result<(), Failure> {
        let client = self.connect().await?;
        make_tables(&client).await.map_err(|error| failure(&error))?;
        let noted = client.execute(NOTE, &[&source, &end.position, &end.fingerprint, &end.at]).await;
        noted.map(drop).map_err(|error| failure(&error))
    }

    async fn wait(&mut self, source: &str, waits: Option<&Waits>) -> Result<(), Failure> {
        let client = self.connect().await?;
        make_tables(&client).await.map_err(|error| failure(&error))?;
        let noted = match waits.map(Waits::stored) {
            Some(waits) => {
                let sql = "INSERT INTO domicile_wait VALUES ($1, $2)
                           ON CONFLICT (source) DO UPDATE SET waits = excluded.waits";
                client.execute(sql, &[&source, &waits]).await
            }
            None => client.execute("DELETE FROM domicile_wait WHERE source = $1", &[&source]).await,
        };
        noted.map(drop).map_err(|error| failure(&error))
    }

    async fn note_states(&mut self, changes: &[Change]) -> Result<(), Failure> {
        let client = self.connect().await?;
        note_states(&client, changes).await.map_err(|error| failure(&error))
    }
}

async fn make_tables(client: &Client) -> Result<(), Error> {
    begin(client).await?;
    client.batch_execute("COMMIT").await
}

/// Begins a transaction that makes what is missing. One run at a time, so that what stands there is not changed meanwhile.
async fn begin(client: &Client) -> Result<(), Error> {
    client.batch_execute(&format!("BEGIN; {LOCK_TABLES}")).await?;
    let catalogue = Catalogue::read(client, &TABLES.map(|(name, _)| name)).await?;
    let mut made = create_own_tables(&TABLES, &catalogue);
    made.push(String::from(
        "INSERT INTO domicile_control
         SELECT replace(gen_random_uuid()::text, '-', '') WHERE NOT EXISTS (SELECT 1 FROM domicile_control)",
    ));
    client.batch_execute(&made.join("; ")).await
}

async fn read(client: &Client) -> Result<Kept, Error> {
    let mut kept = Kept::default();
    let tables = ["domicile_control", "domicile_rule", "domicile_wait", "domicile_lease", "domicile_state"];
    let catalogue = Catalogue::read(client, &tables).await?;
    if catalogue.columns("domicile_control").is_empty() {
        return Ok(kept);
    }
    kept.id = client.query_opt("SELECT id FROM domicile_control", &[]).await?.map(|row| row.get(0));
    let has_rules = !catalogue.columns("domicile_rule").is_empty();
    // Both are on their way at once.
    let placed = client.query("SELECT source, routing_key, home FROM domicile_placement", &[]);
    let (rows, rules) = try_join!(placed, rules(client, has_rules))?;
    kept.rules = rules;
    kept.placed = rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect();
    if catalogue.columns("domicile_wait").is_empty() {
        return Ok(kept);
    }
    let rows = client.query("SELECT source, position, fingerprint, seen_at FROM domicile_end", &[]).await?;
    let end = |row: &Row| End { position: row.get(1), fingerprint: row.get(2), at: row.get(3) };
    kept.ends = rows.iter().map(|row| (row.get(0), end(row))).collect();
    let rows = client.query("SELECT source, waits FROM domicile_wait", &[]).await?;
    let waits = |row: &Row| Some((row.get(0), Waits::from_stored(row.get(1))?));
    kept.waits = rows.iter().filter_map(waits).collect();
    if catalogue.columns("domicile_lease").is_empty() {
        return Ok(kept);
    }
    let sql = "SELECT source, number, holder,
                      coalesce(extract(epoch FROM held_until - clock_timestamp()), 0)::double precision
               FROM domicile_lease";
    let has_states = !catalogue.columns("domicile_state").is_empty();
    // Both are on their way at once.
    let (rows, states) = try_join!(client.query(sql, &[]), states(client, has_states))?;
    let leased = |row: &Row| Leased { number: row.get(1), holder: row.get(2), seconds_left: row.get(3) };
    kept.leases = rows.iter().map(|row| (row.get(0), leased(row))).collect();
    kept.states = states;
    Ok(kept)
}

async fn rules(client: &Client, has_rules: bool) -> Result<BTreeMap<String, String>, Error> {
    if !has_rules {
        return Ok(BTreeMap::new());
    }
    let rows = client.query("SELECT source, rule FROM domicile_rule", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn states(client: &Client, has_states: bool) -> Result<BTreeMap<OfHome, State>, Error> {
    if !has_states {
        return Ok(BTreeMap::new());
    }
    let sql = "SELECT source, home, state, why, since, seen_at FROM domicile_state";
    let state = |row: &Row| {
        let state = State::from_stored(row.get(2), row.get(3), row.get(4), row.get(5))?;
        Some(((row.get(0), row.get(1)), state))
    };
    Ok(client.query(sql, &[]).await?.iter().filter_map(state).collect())
}

/// Not all that is said of a home can be kept in a database of every encoding.
async fn note_states(client: &Client, changes: &[Change]) -> Result<(), Error> {
    let kept = kept_by(client).await?;
    client.batch_execute(&format!("BEGIN; {LOCK_TABLES}")).await?;
    let catalogue = Catalogue::read(client, &STATES.map(|(name, _)| name)).await?;
    client.batch_execute(&create_own_tables(&STATES, &catalogue).join("; ")).await?;
    for ((source, home), state) in changes {
        match state {
            Some(State { condition, why, since, seen_at }) => {
                let sql = "INSERT INTO domicile_state VALUES ($1, $2, $3, $4, $5, $6)
                           ON CONFLICT (source, home) DO UPDATE SET state = excluded.state, why = excluded.why,
                               since = excluded.since, seen_at = excluded.seen_at";
                client.execute(sql, &[source, home, &condition.name(), &kept(why), since, seen_at]).await?;
            }
            None => {
                let sql = "DELETE FROM domicile_state WHERE source = $1 AND home = $2";
                client.execute(sql, &[source, home]).await?;
            }
        }
    }
    client.batch_execute("COMMIT").await
}

/// Takes the leases of all sources, unless somebody has taken one of them since it was read.
async fn take(client: &Client, claim: &Claim) -> Result<bool, Error> {
    let sql = "INSERT INTO domicile_lease AS stored (source, number, holder, held_until)
               VALUES ($1, $2::bigint + 1, $3, clock_timestamp() + $4::double precision * interval '1 second')
               ON CONFLICT (source) DO UPDATE
               SET number = excluded.number, holder = excluded.holder, held_until = excluded.held_until
               WHERE stored.number = $2";
    for (source, number) in &claim.sources {
        if client.execute(sql, &[source, number, &claim.holder, &claim.seconds]).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Keeps placements, unless another run has placed one of the keys elsewhere since this one looked.
async fn place(client: &Client, placed: &[((String, String), String)]) -> Result<bool, Error> {
    // What stands there already is written again only if it is the same.
    let sql = "INSERT INTO domicile_placement AS stored VALUES ($1, $2, $3)
               ON CONFLICT (source, routing_key) DO UPDATE SET home = excluded.home WHERE stored.home = excluded.home";
    let statement = client.prepare(sql).await?;
    for ((source, key), home) in placed {
        if client.execute(&statement, &[source, key, home]).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

//! What a control database of PostgreSQL keeps from run to run.

use async_trait::async_trait;
use tokio_postgres::{Client, Error, Row};

use super::connect::connect;
use super::failure;
use super::schema::{Catalogue, LOCK_TABLES, create_own_tables};
use crate::config::ServerUrl;
use crate::control::{Control, End, Kept};
use crate::error::Failure;
use crate::source::Waits;

pub(super) const TABLES: [(&str, &str); 4] = [
    ("domicile_control", "id text NOT NULL PRIMARY KEY"),
    (
        "domicile_placement",
        "source text NOT NULL,
         routing_key text NOT NULL,
         home text NOT NULL,
         PRIMARY KEY (source, routing_key)",
    ),
    (
        "domicile_end",
        "source text NOT NULL PRIMARY KEY,
         position text NOT NULL,
         fingerprint text NOT NULL,
         seen_at bigint NOT NULL",
    ),
    ("domicile_wait", "source text NOT NULL PRIMARY KEY, waits text NOT NULL"),
];

/// A control database on a server.
pub(crate) struct PostgresControl(ServerUrl);

impl PostgresControl {
    pub(crate) fn new(server: ServerUrl) -> Self {
        Self(server)
    }
}

#[async_trait]
impl Control for PostgresControl {
    async fn read(&mut self) -> Result<Kept, Failure> {
        let client = connect(&self.0).await?;
        read(&client).await.map_err(|error| failure(&error))
    }

    async fn keep(&mut self, placed: Vec<((String, String), String)>) -> Result<String, Failure> {
        let client = connect(&self.0).await?;
        let id = keep(&client, &placed).await.map_err(|error| failure(&error))?;
        id.ok_or_else(|| {
            Failure::Overtaken(String::from("another run has placed a routing key in another home meanwhile"))
        })
    }

    async fn note(&mut self, source: &str, end: &End) -> Result<(), Failure> {
        let client = connect(&self.0).await?;
        make_tables(&client).await.map_err(|error| failure(&error))?;
        let sql = "INSERT INTO domicile_end VALUES ($1, $2, $3, $4) ON CONFLICT (source) DO UPDATE
                   SET position = excluded.position, fingerprint = excluded.fingerprint, seen_at = excluded.seen_at";
        let noted = client.execute(sql, &[&source, &end.position, &end.fingerprint, &end.at]).await;
        noted.map(drop).map_err(|error| failure(&error))
    }

    async fn wait(&mut self, source: &str, waits: Option<&Waits>) -> Result<(), Failure> {
        let client = connect(&self.0).await?;
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
    let catalogue = Catalogue::read(client, &["domicile_control", "domicile_wait"]).await?;
    if catalogue.columns("domicile_control").is_empty() {
        return Ok(kept);
    }
    kept.id = client.query_opt("SELECT id FROM domicile_control", &[]).await?.map(|row| row.get(0));
    let rows = client.query("SELECT source, routing_key, home FROM domicile_placement", &[]).await?;
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
    Ok(kept)
}

/// The id, or `None` if another run has placed one of the keys elsewhere since this one looked.
async fn keep(client: &Client, placed: &[((String, String), String)]) -> Result<Option<String>, Error> {
    begin(client).await?;
    // What stands there already is written again only if it is the same.
    let sql = "INSERT INTO domicile_placement AS stored VALUES ($1, $2, $3)
               ON CONFLICT (source, routing_key) DO UPDATE SET home = excluded.home WHERE stored.home = excluded.home";
    let statement = client.prepare(sql).await?;
    for ((source, key), home) in placed {
        if client.execute(&statement, &[source, key, home]).await? == 0 {
            client.batch_execute("ROLLBACK").await?;
            return Ok(None);
        }
    }
    let id = client.query_one("SELECT id FROM domicile_control", &[]).await?.get(0);
    client.batch_execute("COMMIT").await?;
    Ok(Some(id))
}

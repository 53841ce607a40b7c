//! Why a server refuses what is asked of a source, and what to do about it.

use tokio_postgres::Client;
use tokio_postgres::error::{Error, SqlState};

use super::{failure, quote, relation, said};
use crate::config::{Document, From, ServerUrl, SourceConfig};
use crate::source::Unopened;

/// What of a source is asked for, and by whom.
pub(super) struct Asked {
    /// Where the source is, as people are told it.
    database: String,
    from: From,
    setting: &'static str,
    user: String,
}

impl Asked {
    pub(super) fn new(server: &ServerUrl, config: &SourceConfig, document: &Document) -> Self {
        let setting = if matches!(config.from, From::Table(_)) { "table" } else { "query" };
        let is_named = !document.conceals(&config.setting.key("url"));
        let user = if is_named { quote(&server.user) } else { String::from("this user") };
        Self { database: config.database.to_string(), from: config.from.clone(), setting, user }
    }

    /// What gives the user the right to read it.
    fn grant(&self, why: &str) -> String {
        let user = &self.user;
        match &self.from {
            From::Table(table) => match relation(table).split_once('.') {
                Some((schema, _)) if why.contains("for schema") => format!("GRANT USAGE ON SCHEMA {schema} TO {user}"),
                _ => format!("GRANT SELECT ON {} TO {user}", relation(table)),
            },
            From::Query(_) => {
                format!("grant the right to read to {user}: SELECT on tables, and USAGE on their schemas")
            }
        }
    }
}

/// Why the source's SQL is refused, and what there is to read.
pub(super) async fn refused(client: &Client, asked: &Asked, error: &Error) -> Unopened {
    /// As many names as a person reads.
    const MOST: i64 = 40;
    let sql = "SELECT coalesce(string_agg(name, ', '), 'none') FROM (
                   SELECT table_name::text AS name FROM information_schema.tables
                   WHERE table_schema = ANY (current_schemas(false)) ORDER BY 1 LIMIT $1) AS names";
    let why = said(error);
    if failure(error).is_transient() {
        return Unopened::unreachable(&asked.database, &why);
    }
    let help = match &asked.from {
        _ if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => asked.grant(&why),
        From::Table(_) => {
            let names = client.query_one(sql, &[&MOST]).await.map(|row| row.get::<_, String>(0));
            format!("the tables and views of its search_path are: {}", names.unwrap_or_default())
        }
        From::Query(_) => String::from("it is SQL of PostgreSQL: try it in psql"),
    };
    Unopened::new(asked.setting, format!("PostgreSQL refuses it: {why}"), help)
}

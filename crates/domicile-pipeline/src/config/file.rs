//! The settings as the file writes them. The JSON schema is made of these structs, so the comments on the fields are
//! what an editor shows.
//!
//! Reading is lenient: a setting that the schema refuses has been reported and left out by then, so every setting may
//! be absent here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::analyser::WriteMode;
use super::limits::{BatchLimits, DeliveryFile};

/// Configuration of Domicile: where records come from, which home each belongs to, and what becomes of them.
///
/// Every text may hold `${NAME}` or `${NAME:-fallback}`, which stand for an environment variable; `$$` is a plain `$`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Domicile configuration")]
pub(super) struct File {
    /// URL of the control database, which holds the quarantine of what has no home, and where each routing key was
    /// placed. Relative paths
    /// start from the folder of this file. Example: `sqlite:control.sqlite`.
    #[schemars(required, example = "sqlite:control.sqlite", extend("minLength" = 1))]
    pub(super) control: Option<String>,
    /// URL of the homes that do not give their own; `{home}` is the home's name. Example:
    /// `sqlite:homes/{home}.sqlite`.
    #[schemars(example = "sqlite:homes/{home}.sqlite", extend("minLength" = 1))]
    pub(super) home_url: Option<String>,
    /// The homes and the routing keys that belong in each. Example: `homes = ["ES", "FR"]`.
    #[schemars(required, example = ["ES", "FR"])]
    pub(super) homes: Option<HomesFile>,
    /// When runs begin under `domicile run --schedule`: a cron expression of minute, hour, day of the month, month and day
    /// of the week. Example: `*/5 * * * *`.
    #[schemars(example = &"*/5 * * * *", extend("minLength" = 1))]
    pub(super) schedule: Option<String>,
    /// The time zone of the `schedule`. Default: `UTC`. Example: `Europe/Madrid`.
    #[schemars(example = &"Europe/Madrid", extend("minLength" = 1))]
    pub(super) time_zone: Option<String>,
    /// IP address and port on which `domicile run --schedule` serves metrics and its health. Example: `127.0.0.1:9464`.
    #[schemars(example = &"127.0.0.1:9464", extend("minLength" = 1))]
    pub(super) metrics: Option<String>,
    /// The size of a batch.
    #[serde(default)]
    pub(super) batch: BatchLimits,
    /// How homes are delivered to.
    #[serde(default)]
    pub(super) delivery: DeliveryFile,
    /// Where records come from; at least one.
    #[schemars(required, extend("minItems" = 1))]
    pub(super) source: Option<Vec<SourceFile>>,
}

/// The homes: a list of routing keys, or a table with the name of each home.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Homes")]
pub(super) enum HomesFile {
    /// Each routing key has a home of its own, named by the key in lower case. Needs `home_url`. Example:
    /// `["ES", "FR"]`.
    Keys(Vec<String>),
    /// The name of each home (1 to 63 of a-z, 0-9, _ and -, first a letter or a digit) and what belongs in it.
    /// Example: `iberia = ["ES", "PT"]`.
    Named(BTreeMap<String, HomeFile>),
}

/// A home: its routing key, a list of its routing keys, or a table with `url` and `keys`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Home")]
pub(super) enum HomeFile {
    /// The routing key that belongs in this home. Example: `france = "FR"`.
    Key(String),
    /// The routing keys that belong in this home. Example: `iberia = ["ES", "PT"]`.
    Keys(Vec<String>),
    /// The routing keys that belong in this home, and its own URL. Example:
    /// `germany = { url = "sqlite:de.sqlite", keys = ["DE", "AT"] }`.
    Settings(HomeSettings),
}

/// A home with its own URL.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HomeSettings {
    /// URL of this home. Default: `home_url`. Example: `sqlite:de.sqlite`.
    #[schemars(example = "sqlite:de.sqlite", extend("minLength" = 1))]
    pub(super) url: Option<String>,
    /// The routing keys that belong in this home. Example: `["DE", "AT"]`.
    #[schemars(required, example = ["DE", "AT"])]
    pub(super) keys: Option<OneOrMany>,
}

/// A text or a list of texts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    /// One.
    One(String),
    /// Any number.
    Many(Vec<String>),
}

/// A source of records: a table or a query of a database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Source")]
pub(super) struct SourceFile {
    /// Name of the source, which its position is kept under. Default: the table's name; required for a query. Example:
    /// `orders`.
    #[schemars(example = &"orders", extend("minLength" = 1))]
    pub(super) name: Option<String>,
    /// URL of the database. Example: `sqlite:source.sqlite`.
    #[schemars(required, example = "sqlite:source.sqlite", extend("minLength" = 1))]
    pub(super) url: Option<String>,
    /// Table to read, in PostgreSQL with its schema where that is not in the search_path. Give either this or `query`.
    /// Examples: `orders`, `shop.orders`.
    #[schemars(example = &"orders", extend("minLength" = 1))]
    pub(super) table: Option<String>,
    /// Query to read, instead of `table`. Example: `SELECT * FROM orders WHERE country IS NOT NULL`.
    #[schemars(example = "SELECT * FROM orders", extend("minLength" = 1))]
    pub(super) query: Option<String>,
    /// Column that only grows, or several, the first of which comes first: what was read is known by it. It can be an
    /// integer, a decimal, a date, a timestamp, text or bytes. Examples: `id`, `["updated_at", "id"]`.
    #[schemars(required, example = &"id")]
    pub(super) cursor: Option<OneOrMany>,
    /// How far back from its position each run reads again, so that records that come late are not lost: a number with
    /// s, m, h or d behind it. The cursor begins with a timestamp then. Example: `10m`.
    #[schemars(example = &"10m", extend("minLength" = 1))]
    pub(super) overlap: Option<String>,
    /// Column or columns that tell records of one cursor apart; required for an `overlap`. Example: `id`.
    #[schemars(example = &"id")]
    pub(super) identity: Option<OneOrMany>,
    /// Where the records are, which every home keeps with its position: one that was read elsewhere is refused. Default: host
    /// and database of the `url`, and the table. Give it what the homes have kept when the same records are somewhere else
    /// now.
    #[schemars(example = &"postgres db1:5432 shop orders", extend("minLength" = 1))]
    pub(super) origin: Option<String>,
    /// SQL expression over the record: its routing key. Example: `country_code(country)`.
    #[schemars(required, example = "country_code(country)", extend("minLength" = 1))]
    pub(super) key: Option<String>,
    /// SQL predicate: records for which it holds are counted, but not analysed. Example: `status = 'test'`.
    #[schemars(example = "status = 'test'", extend("minLength" = 1))]
    pub(super) ignore: Option<String>,
    /// Types of columns that the source does not say: text, integer, unsigned, float, boolean, decimal(precision,scale),
    /// date, time, timestamp, timestamptz, uuid, json or bytes. Example: `columns = { amount = "decimal(12,2)" }`.
    #[serde(default)]
    #[schemars(example = BTreeMap::from([("amount", "decimal(12,2)")]))]
    pub(super) columns: BTreeMap<String, String>,
    /// What becomes of the records; at least one.
    #[schemars(required, extend("minItems" = 1))]
    pub(super) analyser: Option<Vec<AnalyserFile>>,
}

/// Turns records into rows of a table of their homes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Analyser")]
pub(super) struct AnalyserFile {
    /// Name of the analyser. Default: `into`. Example: `orders`.
    #[schemars(example = &"orders", extend("minLength" = 1))]
    pub(super) name: Option<String>,
    /// Table of the home that the rows go into. Names that begin with `domicile_` are reserved. Example: `orders`.
    #[schemars(required, example = &"orders", extend("minLength" = 1))]
    pub(super) into: Option<String>,
    /// Query over the records of one home, which are the table `record`. Example: `SELECT id, country FROM record`.
    #[schemars(required, example = "SELECT id, country FROM record", extend("minLength" = 1))]
    pub(super) sql: Option<String>,
    /// Column or columns that tell the rows apart. Required for `write = "replace"`. Example: `["id"]`.
    #[schemars(example = ["id"])]
    pub(super) key: Option<OneOrMany>,
    /// What is done with a row. Default: `insert`.
    #[serde(default)]
    pub(super) write: WriteMode,
}

//! The demonstration's configuration: what a newcomer reads, and changes.

use super::labels::NATIONS;

/// The commented `domicile.toml`.
pub(crate) fn toml() -> String {
    let width = NATIONS.iter().map(|(home, _)| home.len()).max().unwrap_or(0);
    let homes = NATIONS.iter().map(|(home, code)| format!("{home:<width$} = \"{code}\"\n"));
    TEMPLATE.replace("{{homes}}", &homes.collect::<String>())
}

const TEMPLATE: &str = r#"#:schema ./domicile.schema.json
# Orders from 25 countries lie interleaved in one source, with countries as people type them.
# `domicile run domicile.toml` brings each to its country's database, copied and aggregated, exactly once.
# Paths are relative to this file. ${NAME} in a value is taken from the environment.

# What has no home yet is kept here, with the reason, until somebody has decided.
control = "sqlite:control.sqlite"

# Where the homes are: {home} is the home's name.
home_url = "sqlite:homes/{home}.sqlite"

# home = its routing key. Several keys may share a home: iberia = ["ES", "PT"].
[homes]
{{homes}}
[[source]]
url = "sqlite:source.sqlite"
table = "orders"
# Records are read in the order of this column; each home remembers how far it has got.
cursor = "id"
# The routing key of a record, worked out from its own data. What gives NULL goes to quarantine.
key = "country_code(country)"

# An analyser sees one home's records and never names a database. This one copies them.
[[source.analyser]]
into = "orders"
key = "id"
sql = "SELECT * FROM record"

# This one keeps a row a customer: a later order replaces an earlier one.
[[source.analyser]]
into = "customers"
key = "customer"
write = "replace"
sql = "SELECT customer, home() AS home, id AS last_order, ordered_on AS last_ordered_on FROM record"

# And this one keeps aggregates: each batch's partial results are merged by key into what is there.
[[source.analyser]]
into = "daily_sales"
write = "merge"
sql = """
SELECT ordered_on AS day, status, count(*) AS orders, sum(amount) AS revenue, max(amount) AS largest
FROM record GROUP BY ordered_on, status"""
"#;

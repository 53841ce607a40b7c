//! A source of sales from several countries, interleaved, with the country as people type it.

use rusqlite::params;

use crate::labels::{HOPELESS, LABELS};
use crate::{Sandbox, SplitMix64};

/// The configuration of the shop. Limits can be added at its end.
pub const CONFIG: &str = r#"control = "sqlite:control.sqlite"
home_url = "sqlite:homes/{home}.sqlite"

[homes]
france = "FR"
germany = ["DE", "AT"]
japan = "JP"
portugal = "PT"
spain = "ES"

[[source]]
url = "sqlite:source.sqlite"
table = "sales"
cursor = "id"
key = "country_code(country)"
ignore = "status = 'test'"

# No key: a sale that is delivered twice is there twice.
[[source.analyser]]
into = "sales"
sql = "SELECT * FROM record"

[[source.analyser]]
into = "customers"
key = "customer"
write = "replace"
sql = "SELECT customer, home() AS home, id AS last_sale FROM record"

[[source.analyser]]
into = "daily"
write = "merge"
sql = """
SELECT sold_on AS day, status, count(*) AS sales, sum(amount) AS revenue, max(amount) AS largest
FROM record GROUP BY sold_on, status"""
"#;

const TABLE: &str = "
CREATE TABLE sales (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    country TEXT,
    customer TEXT,
    sold_on DATE,
    status TEXT,
    amount DECIMAL(12,2)
)";

/// Fills the source of a sandbox.
#[derive(Debug)]
pub struct Shop<'a> {
    sandbox: &'a Sandbox,
    random: SplitMix64,
}

impl<'a> Shop<'a> {
    /// Makes the source's table, without sales, and writes [`CONFIG`].
    ///
    /// # Panics
    ///
    /// If there is a source already.
    #[must_use]
    pub fn open(sandbox: &'a Sandbox, seed: u64) -> Self {
        sandbox.source().execute_batch(TABLE).expect("the table is new");
        sandbox.write_config(CONFIG);
        Self { sandbox, random: SplitMix64::seeded(seed) }
    }

    /// Adds so many sales, of all countries in turn by chance. Of a hundred, about four have a hopeless label, four are
    /// of a country without a home, five are tests that the configuration ignores, and one has no amount.
    ///
    /// # Panics
    ///
    /// If the source refuses them.
    pub fn sell(&mut self, count: usize) {
        let mut source = self.sandbox.source();
        let transaction = source.transaction().expect("the source can be written");
        for _ in 0..count {
            let country = self.country();
            let customer = format!("customer-{}", self.random.below(40));
            let day = format!("2024-{:02}-{:02}", 1 + self.random.below(3), 1 + self.random.below(10));
            let status = self.status();
            let insert = "INSERT INTO sales (country, customer, sold_on, status, amount) VALUES (?1, ?2, ?3, ?4, ?5)";
            let amount = self.amount();
            transaction
                .execute(insert, params![country, customer, day, status, amount])
                .expect("a sale can be written");
        }
        transaction.commit().expect("the sales can be committed");
    }

    /// Adds one sale with just these values, and returns its id. The amount is an SQL literal.
    ///
    /// # Panics
    ///
    /// If the source refuses it.
    pub fn sell_one(&mut self, country: Option<&str>, day: &str, amount: &str) -> i64 {
        let source = self.sandbox.source();
        let insert = format!(
            "INSERT INTO sales (country, customer, sold_on, status, amount) VALUES (?1, 'customer-0', ?2, 'paid', {amount})"
        );
        source.execute(&insert, params![country, day]).expect("a sale can be written");
        source.last_insert_rowid()
    }

    fn country(&mut self) -> Option<&'static str> {
        match self.random.below(100) {
            0..4 => *self.random.pick(&HOPELESS),
            4..8 => Some(self.label("BR")),
            _ => {
                let (key, _) = *self.random.pick(&LABELS);
                Some(self.label(if key == "BR" { "ES" } else { key }))
            }
        }
    }

    fn label(&mut self, key: &str) -> &'static str {
        let (_, labels) = LABELS.iter().find(|(country, _)| *country == key).expect("the shop sells there");
        self.random.pick::<&str>(labels)
    }

    fn status(&mut self) -> &'static str {
        match self.random.below(100) {
            0..5 => "test",
            5..60 => "paid",
            60..80 => "sent",
            _ => "open",
        }
    }

    fn amount(&mut self) -> Option<String> {
        let cents = i64::try_from(self.random.below(5_000_000)).expect("it is small") - 500_000;
        let sign = if cents < 0 { "-" } else { "" };
        let text = format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100);
        Some(text).filter(|_| self.random.below(100) > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Shop;
    use crate::Sandbox;

    #[test]
    fn a_seed_makes_the_same_sales_again() {
        let sales = |seed| {
            let sandbox = Sandbox::new();
            Shop::open(&sandbox, seed).sell(50);
            let sql = "SELECT group_concat(concat_ws('|', id, country, customer, sold_on, status, amount)) FROM sales";
            sandbox.source().query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
        };
        assert_eq!(sales(3), sales(3));
        assert_ne!(sales(3), sales(4));
    }
}

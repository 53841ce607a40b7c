//! A job that a schedule starts: it syncs mixed orders from one database and makes several objects of each. Which
//! database an object belongs to depends on the order, and neither the aggregator nor its analysers ever name one.
//!
//! ```sh
//! cargo run --example analyser
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use domicile::{Home, context};
use domicile_pipeline::{Analyser, Config, Kinds, Object, Objects, Pipeline, Shape, Silent};
use rusqlite::Connection;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

const CONFIG: &str = r#"
control = "sqlite:control.sqlite"
home_url = "sqlite:homes/{home}.sqlite"

[homes]
france = "FR"
iberia = ["ES", "PT"]

[[source]]
url = "sqlite:source.sqlite"
table = "orders"
cursor = "id"
key = "country_code(country)"

[[source.analyser]]
into = "orders"
key = "id"
sql = "SELECT * FROM record"
"#;

/// The orders as they come: countries as people type them.
const ORDERS: &str = "
CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT, ordered_on DATE, amount DECIMAL(12,2));
INSERT INTO orders (country, ordered_on, amount) VALUES
    ('  españa', '2024-05-02', 19.90), ('France', '2024-05-02', 45.00), ('PT', '2024-05-03', 12.35),
    ('FRANCE', '2024-05-04', -45.00), ('Spanien', '2024-06-01', 7.10), ('Atlantis', '2024-06-01', 99.00);";

/// A record, as far as the analyser wants to know it.
#[derive(Deserialize)]
struct Order {
    id: i64,
    ordered_on: String,
    amount: Decimal,
}

/// A row for each order.
#[derive(Serialize)]
struct Invoice {
    order: i64,
    number: String,
    amount: Decimal,
}

impl Object for Invoice {
    fn shape() -> Shape {
        Shape::new("invoices").integer("order").key().text("number").decimal("amount", 12, 2)
    }
}

/// A row for each order that gives money back.
#[derive(Serialize)]
struct Refund {
    order: i64,
    amount: Decimal,
}

impl Object for Refund {
    fn shape() -> Shape {
        Shape::new("refunds").integer("order").key().decimal("amount", 12, 2)
    }
}

/// An aggregate: what an order adds to its month is merged into what is there.
#[derive(Serialize)]
struct MonthlySales {
    month: String,
    orders: i64,
    revenue: Decimal,
}

impl Object for MonthlySales {
    fn shape() -> Shape {
        Shape::new("monthly_sales").text("month").key().integer("orders").count().decimal("revenue", 18, 2).sum()
    }
}

/// The aggregator.
struct Bookkeeping;

impl Analyser for Bookkeeping {
    type Record = Order;

    fn declare(&self, kinds: &mut Kinds) {
        kinds.add::<Invoice>().add::<Refund>().add::<MonthlySales>();
    }

    fn analyse(&self, order: Order, objects: &mut Objects) -> Result<(), Box<dyn Error + Send + Sync>> {
        objects.add(Invoice { order: order.id, number: invoice_number(order.id)?, amount: order.amount });
        if order.amount.is_sign_negative() {
            objects.add(Refund { order: order.id, amount: -order.amount });
        }
        let month = order.ordered_on.get(..7).ok_or("the order has no month")?.to_owned();
        objects.add(MonthlySales { month, orders: 1, revenue: order.amount });
        Ok(())
    }
}

/// Far below, where nobody has handed the home down, it is known all the same.
fn invoice_number(order: i64) -> Result<String, Box<dyn Error + Send + Sync>> {
    let home = context::get::<Home>().ok_or("no home is in the context")?;
    Ok(format!("{home}-{order:04}"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    Connection::open(folder.path().join("source.sqlite"))?.execute_batch(ORDERS)?;
    let config = Config::read(&folder.path().join("domicile.toml"), CONFIG.to_owned(), &|_| None)?;

    let report = Pipeline::new(config).with_analyser("orders", Bookkeeping)?.run(Arc::new(Silent)).await?;

    for home in &report.sources[0].homes {
        let account = home.account;
        println!("{}: {} records read, {} delivered", home.home, account.read, account.delivered);
        let path = folder.path().join("homes").join(format!("{}.sqlite", home.home));
        print(&path, "SELECT 'invoice ' || number || ': ' || amount FROM invoices ORDER BY number")?;
        print(&path, "SELECT 'refund of order ' || \"order\" || ': ' || amount FROM refunds")?;
        print(&path, "SELECT 'sales of ' || month || ': ' || orders || ' orders, ' || revenue FROM monthly_sales")?;
    }
    println!("without a home: {}", report.quarantined());
    print(
        &folder.path().join("control.sqlite"),
        "SELECT 'order ' || position || ': ' || reason FROM domicile_quarantine",
    )
}

fn print(database: &Path, sql: &str) -> Result<(), Box<dyn Error>> {
    let connection = Connection::open(database)?;
    let mut statement = connection.prepare(sql)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    for line in lines {
        println!("    {}", line?);
    }
    Ok(())
}

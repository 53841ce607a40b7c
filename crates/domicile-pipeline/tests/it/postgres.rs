//! What only PostgreSQL does.

use crate::fixture::{counts, home};
use crate::servers::{POSTGRES, World};

#[test]
fn a_key_that_takes_texts_that_differ_for_one_is_told() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser(
        "customers",
        "write = \"merge\"",
        "SELECT customer, sum(amount) AS amount FROM record GROUP BY customer",
    );
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'ANA', 2.00"]);
    let insensitive =
        "CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
    world.server.sql("es", insensitive);
    let told = "home es: `customers.customer` has the collation insensitive, which takes some texts that differ for one key / ";
    for table in [
        "CREATE TABLE customers (customer varchar(80) COLLATE insensitive PRIMARY KEY, amount numeric(38,2))",
        "CREATE TABLE customers (customer text COLLATE insensitive, amount numeric(38,2));
         CREATE UNIQUE INDEX by_name ON customers (customer)",
        "CREATE TABLE customers (customer text, amount numeric(38,2));
         CREATE UNIQUE INDEX by_name ON customers (customer COLLATE insensitive)",
        "CREATE TABLE customers (customer text PRIMARY KEY, amount numeric(38,2));
         CREATE UNIQUE INDEX by_name ON customers (customer COLLATE insensitive)",
    ] {
        world.server.sql("es", &format!("DROP TABLE IF EXISTS customers; {table}"));
        let problems = world.problems();
        let fix =
            problems.first().and_then(|problem| problem.split_once(told)).unwrap_or_else(|| panic!("{problems:?}")).1;
        world.server.sql("es", fix);
        assert_eq!(world.problems(), [] as [&str; 0], "{table}");
    }
    assert_eq!(counts(home(&world.run(), "es")), [2, 2, 0, 0]);
    assert_eq!(world.rows("es", "SELECT * FROM customers ORDER BY 2"), ["Ana|1.00", "ANA|2.00"]);
}

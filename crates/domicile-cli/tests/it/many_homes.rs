//! A thousand homes.

use std::fmt::Write;

use domicile_testkit::{Sandbox, limited_to_files};

use crate::command::{Ran, run, wrapped};

const HOMES: usize = 1_000;
const SALES: usize = 2_500;

/// A source with a key column of its own. Every tenth of the homes gets no record.
fn shop_of_tenants(limits: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut source = sandbox.source();
    let transaction = source.transaction().unwrap();
    transaction
        .execute_batch("CREATE TABLE sales (id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT, amount DECIMAL(12,2))")
        .unwrap();
    for sale in 0..SALES {
        let tenant = format!("T{:03}", tenant_of(sale));
        transaction.execute("INSERT INTO sales (tenant, amount) VALUES (?1, ?2)", (tenant, 0.25)).unwrap();
    }
    transaction.commit().unwrap();
    let mut keys = String::new();
    for home in 0..HOMES {
        write!(keys, "\"T{home:03}\", ").unwrap();
    }
    sandbox.write_config(&format!(
        r#"control = "sqlite:control.sqlite"
home_url = "sqlite:homes/{{home}}.sqlite"
homes = [{keys}]
{limits}
[[source]]
url = "sqlite:source.sqlite"
table = "sales"
cursor = "id"
key = "tenant"
[[source.analyser]]
into = "sales"
sql = "SELECT * FROM record"
[[source.analyser]]
into = "total"
key = "tenant"
write = "merge"
sql = "SELECT tenant, count(*) AS sales, sum(amount) AS revenue FROM record GROUP BY tenant"
"#
    ));
    sandbox
}

fn tenant_of(sale: usize) -> usize {
    let tenant = sale * 7 % HOMES;
    if tenant.is_multiple_of(10) { tenant + 1 } else { tenant }
}

#[track_caller]
fn assert_all_arrived(sandbox: &Sandbox) {
    let mut expected = vec![0; HOMES];
    (0..SALES).for_each(|sale| expected[tenant_of(sale)] += 1);
    for (home, expected) in expected.into_iter().enumerate() {
        let home = sandbox.home(&format!("t{home:03}"));
        let sql = "SELECT (SELECT count(*) FROM sales), coalesce((SELECT sales FROM total), 0),
            (SELECT CAST(round(coalesce(sum(revenue), 0) * 100) AS INTEGER) FROM total),
            (SELECT coalesce(sum(delivered), 0) FROM domicile_account), (SELECT CAST(position AS INTEGER) FROM domicile_position)";
        let row = home.query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]));
        assert_eq!(row, Ok([expected, expected, expected * 25, expected, SALES]));
    }
}

#[track_caller]
fn assert_succeeded(ran: Ran) {
    ran.exits(0).says("100 homes: nothing new\n2500 read = 2500 delivered + 0 ignored + 0 quarantined");
}

#[test]
fn a_thousand_homes_each_get_their_own() {
    let sandbox = shop_of_tenants("");
    assert_succeeded(run(&sandbox));
    assert_all_arrived(&sandbox);
    run(&sandbox).exits(0).says("1000 homes: nothing new");
}

#[test]
fn a_thousand_homes_need_no_thousand_files() {
    // No transaction ends by its age, so that all homes that may be open are.
    let sandbox = shop_of_tenants("[delivery]\ncommit_seconds = 3600\n");
    assert_succeeded(wrapped(&limited_to_files(256), sandbox.dir(), &["run"]));
    assert_all_arrived(&sandbox);
}

#[test]
fn with_few_open_homes_few_files_are_open() {
    let sandbox = shop_of_tenants("[batch]\nrows = 1300\n[delivery]\nopen_homes = 10\n");
    assert_succeeded(wrapped(&limited_to_files(100), sandbox.dir(), &["run"]));
    assert_all_arrived(&sandbox);
}

//! What may be merged, and what may not.

use domicile::Aggregate;

use super::analysis;

#[test]
fn rows_are_told_from_aggregates() {
    let other = |what: &str| Aggregate::Other(what.into());
    for (sql, expected) in [
        ("SELECT id, upper(country) FROM orders", Aggregate::Rows),
        ("SELECT id FROM orders ORDER BY id LIMIT 3", Aggregate::Rows),
        ("SELECT id, (SELECT name FROM items WHERE items.id = orders.item) FROM orders", Aggregate::Rows),
        ("SELECT sum(amount) FROM orders", Aggregate::Sum),
        ("SELECT COUNT(*) AS n FROM orders", Aggregate::Count),
        ("SELECT min(id) FROM orders", Aggregate::Min),
        ("SELECT max(DISTINCT id) FROM orders", Aggregate::Max),
        ("SELECT avg(amount) FROM orders", other("avg")),
        ("SELECT count(DISTINCT id) FROM orders", other("count(DISTINCT)")),
        ("SELECT sum(DISTINCT id) FROM orders", other("sum(DISTINCT)")),
        ("SELECT sum(a) / count(*) FROM orders", other("sum beside other values")),
        ("SELECT sum(a) * 2 FROM orders", other("computed from an aggregate")),
        ("SELECT country, sum(a) FROM orders GROUP BY country", other("groups")),
        ("SELECT DISTINCT id FROM orders", other("DISTINCT rows")),
        ("SELECT id FROM orders LIMIT 3", other("rows of a LIMIT without an ORDER BY")),
        ("SELECT id FROM orders ORDER BY id LIMIT 3 OFFSET 3", other("rows behind an OFFSET")),
        ("SELECT id FROM orders UNION SELECT id FROM items", Aggregate::Unknown),
        ("DELETE FROM orders", Aggregate::Unknown),
        ("SELECT count(*) FROM orders LIMIT 0", other("an aggregate with a LIMIT")),
        ("SELECT sum(id) FROM orders LIMIT 1 OFFSET 1", other("an aggregate with a LIMIT")),
        ("SELECT max(id) FROM orders OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY", other("an aggregate with a LIMIT")),
    ] {
        assert_eq!(analysis(sql).aggregate, expected, "{sql}");
    }
}

#[test]
fn an_aggregate_of_what_a_home_has_made_already_is_not_merged() {
    let within = |what: &str| Aggregate::Other(format!("rows of a query within it, which makes {what}"));
    for (from, expected) in [
        ("(SELECT DISTINCT id FROM orders) AS o", within("DISTINCT rows")),
        ("(SELECT country FROM orders GROUP BY country) AS o", within("groups")),
        ("(SELECT max(id) FROM orders) AS o", within("an aggregate")),
        ("(SELECT id FROM orders ORDER BY id LIMIT 3) AS o", within("the rows of a LIMIT")),
        ("(SELECT id FROM orders FETCH FIRST 3 ROWS ONLY) AS o", within("the rows of a LIMIT")),
        ("(SELECT id FROM orders UNION SELECT id FROM items) AS o", within("what is no SELECT")),
        ("(SELECT id FROM orders UNION ALL SELECT DISTINCT id FROM items) AS o", within("DISTINCT rows")),
        ("(SELECT id FROM (SELECT DISTINCT id FROM orders) AS i) AS o", within("DISTINCT rows")),
        ("items JOIN (SELECT DISTINCT id FROM orders) AS o ON o.id = items.id", within("DISTINCT rows")),
    ] {
        for value in ["count(*)", "sum(id)", "id"] {
            let sql = format!("SELECT {value} FROM {from}");
            assert_eq!(analysis(&sql).aggregate, expected, "{sql}");
        }
    }
    for (sql, expected) in [
        ("SELECT sum(id) FROM orders WHERE id > (SELECT avg(id) FROM orders)", within("an aggregate")),
        ("SELECT id FROM orders WHERE id = (SELECT max(id) FROM orders)", within("an aggregate")),
        (
            "SELECT count(*) FROM orders WHERE id IN (SELECT id FROM orders ORDER BY id LIMIT 2)",
            within("the rows of a LIMIT"),
        ),
        ("SELECT count(*) FROM orders WHERE id IN (SELECT id FROM items GROUP BY id)", within("groups")),
        ("SELECT (SELECT avg(id) FROM orders)", within("an aggregate")),
        ("SELECT id, (SELECT max(id) FROM items) FROM orders", within("an aggregate")),
        ("SELECT sum((SELECT count(*) FROM items)) FROM orders", within("an aggregate")),
        ("SELECT count(*) FROM orders JOIN items ON items.id = (SELECT min(id) FROM items)", within("an aggregate")),
        ("SELECT id FROM orders ORDER BY (SELECT max(id) FROM items)", within("an aggregate")),
        (
            "SELECT id FROM orders WHERE id IN (SELECT id FROM items WHERE id > (SELECT avg(id) FROM items))",
            within("an aggregate"),
        ),
    ] {
        assert_eq!(analysis(sql).aggregate, expected, "{sql}");
    }
    let common = "WITH o AS (SELECT DISTINCT id FROM orders) SELECT count(*) FROM o";
    assert_eq!(analysis(common).aggregate, within("DISTINCT rows"));
    for sql in [
        "SELECT count(*) FROM (SELECT id FROM orders WHERE country = 'ES') AS o",
        "SELECT count(*) FROM (SELECT id FROM orders UNION ALL SELECT id FROM items) AS o",
        "SELECT count(*) FROM orders JOIN items ON items.id = orders.id",
        "WITH o AS (SELECT id FROM orders) SELECT count(*) FROM o",
        "SELECT count(*) FROM orders WHERE id IN (SELECT id FROM items WHERE EXISTS (SELECT 1 FROM orders))",
    ] {
        assert_eq!(analysis(sql).aggregate, Aggregate::Count, "{sql}");
    }
}

#[test]
fn an_aggregate_is_known_however_its_name_is_written() {
    let other = |what: &str| Aggregate::Other(what.into());
    for (value, expected) in [
        ("pg_catalog.avg(id)", other("avg")),
        ("\"avg\"(id)", other("avg")),
        ("own.sum(id)", other("own.sum")),
        ("pg_catalog.sum(id)", Aggregate::Sum),
        ("\"count\"(*)", Aggregate::Count),
        ("regr_slope(a, b)", other("regr_slope")),
        // What only aggregates can have makes it one, whatever its name is.
        ("hll(id) FILTER (WHERE id > 3)", other("hll")),
        ("sum(id) FILTER (WHERE id > 3)", Aggregate::Sum),
        ("count(*) OVER ()", other("window functions")),
        // Of two values that is the greater one, in each row.
        ("max(a, b)", Aggregate::Rows),
        ("max(a)", Aggregate::Max),
    ] {
        let sql = format!("SELECT {value} FROM orders");
        assert_eq!(analysis(&sql).aggregate, expected, "{sql}");
    }
}

#[test]
fn a_fetch_first_is_a_limit() {
    let other = |what: &str| Aggregate::Other(what.into());
    for (sql, expected) in [
        ("SELECT id FROM orders ORDER BY id FETCH FIRST 3 ROWS ONLY", Aggregate::Rows),
        ("SELECT id FROM orders FETCH FIRST 3 ROWS ONLY", other("rows of a LIMIT without an ORDER BY")),
        ("SELECT id FROM orders ORDER BY id OFFSET 3 ROWS FETCH NEXT 3 ROWS ONLY", other("rows behind an OFFSET")),
        (
            "SELECT id FROM orders ORDER BY id FETCH FIRST 3 ROWS WITH TIES",
            other("rows of a FETCH with ties or percents"),
        ),
    ] {
        assert_eq!(analysis(sql).aggregate, expected, "{sql}");
    }
}

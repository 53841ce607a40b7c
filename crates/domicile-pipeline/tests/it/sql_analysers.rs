//! Which queries are taken as analysers, and what is said of the others. A refused query stands next to one like it
//! that passes.

use crate::fixture::{Setup, World};

fn world() -> World {
    World::with_orders(&[
        "'ES', 'Ana', '2024-01-01', 1.50",
        "'ES', 'Eva', '2024-01-01', 2.25",
        "'ES', 'Ana', '2024-01-02', -0.75",
        "'ES', 'Ana', '2024-01-02', NULL",
    ])
}

fn setup(write: &str, sql: &str) -> Setup {
    let key = if write == "replace" { "key = \"id\"" } else { "" };
    Setup::new().analyser("made", &format!("write = \"{write}\"\n{key}"), sql)
}

/// The one problem of a query, as `setting: message / help`.
fn refusal(write: &str, sql: &str) -> String {
    let problems = World::with_orders(&[]).problems(&setup(write, sql));
    assert_eq!(problems.len(), 1, "{sql}: {problems:?}");
    problems[0].clone()
}

/// What a query makes of the records, and that a check takes it.
fn made(write: &str, sql: &str) -> Vec<String> {
    let world = world();
    let setup = setup(write, sql).batch_rows(1).commit_rows(2);
    assert_eq!(world.problems(&setup), Vec::<String>::new(), "{sql}");
    world.run(&setup);
    let mut rows = world.rows("es", "SELECT * FROM made");
    rows.sort();
    rows
}

const CUT: &str = "the result would depend on how the records were cut into batches / an analyser sees one batch of one \
                   home: use a projection, a filter or a GROUP BY with write = \"merge\"";
const MORE: &str = "makes the result depend on more than the record / an analyser makes the same objects of the same \
                    record each time: use the record's own columns";

#[test]
fn what_needs_to_see_all_records_is_refused() {
    for (sql, what) in [
        ("SELECT DISTINCT id FROM record", "DISTINCT"),
        ("SELECT id FROM record ORDER BY id", "ORDER BY"),
        ("SELECT id FROM record LIMIT 1", "LIMIT"),
        ("SELECT id FROM (SELECT id FROM record LIMIT 1)", "LIMIT"),
        ("SELECT id, row_number() OVER (ORDER BY id) AS n FROM record", "a window function"),
        ("SELECT id, sum(amount) OVER () AS n FROM record", "a window function"),
        ("SELECT one.id FROM record AS one JOIN record AS two ON one.id = two.id", "a join"),
        ("SELECT one.id FROM record AS one, record AS two", "a join"),
        ("SELECT id FROM record UNION ALL SELECT id FROM record", "UNION"),
        ("SELECT id FROM record UNION SELECT id FROM record", "DISTINCT"),
        ("SELECT 1 AS id", "this kind of statement"),
        ("VALUES (1)", "this kind of statement"),
        ("EXPLAIN SELECT id FROM record", "this kind of statement"),
    ] {
        for write in ["insert", "replace"] {
            let expected = format!("source[0].analyser[0].sql: {what}: {CUT}");
            assert_eq!(refusal(write, sql), expected, "{sql}");
        }
    }
    for sql in
        ["SELECT id FROM record INTERSECT SELECT id FROM record", "SELECT id FROM record EXCEPT SELECT id FROM record"]
    {
        assert!(refusal("insert", sql).contains(CUT), "{sql}");
    }
    for sql in [
        "SELECT id FROM record",
        "SELECT id FROM record AS r WHERE r.id > 0",
        "WITH r AS (SELECT * FROM record) SELECT id FROM r",
    ] {
        assert_eq!(made("replace", sql), ["1", "2", "3", "4"], "{sql}");
    }
}

#[test]
fn what_depends_on_more_than_the_record_is_refused() {
    for (sql, what) in [
        ("SELECT id, (SELECT max(id) FROM record) AS last FROM record", "a subquery in an expression"),
        ("SELECT id FROM record WHERE id IN (SELECT id FROM record)", "a subquery in an expression"),
        ("SELECT id FROM record WHERE EXISTS (SELECT id FROM record)", "a subquery in an expression"),
        ("SELECT id, uuid() AS name FROM record", "uuid(), which gives another value each time,"),
        ("SELECT id, random() AS x FROM record", "random(), which gives another value each time,"),
        ("SELECT id FROM record WHERE uuid() > '8'", "uuid(), which gives another value each time,"),
        ("SELECT id FROM (SELECT id, uuid() AS name FROM record)", "uuid(), which gives another value each time,"),
    ] {
        assert_eq!(refusal("insert", sql), format!("source[0].analyser[0].sql: {what} {MORE}"), "{sql}");
    }
    for sql in [
        "SELECT customer, sum((SELECT max(amount) FROM record)) AS s FROM record GROUP BY customer",
        "SELECT customer, count(*) FILTER (WHERE uuid() > '8') AS n FROM record GROUP BY customer",
        "SELECT uuid() AS name, count(*) AS n FROM record GROUP BY uuid()",
    ] {
        assert!(refusal("merge", sql).contains(MORE), "{sql}");
    }
    let home = made("insert", "SELECT id, home() AS home FROM record");
    assert_eq!(home, ["1|es", "2|es", "3|es", "4|es"], "home() is not of the record, but known");
}

#[test]
fn the_time_of_day_is_refused() {
    // A query is planned once, so it would be the time of the planning in all homes and batches.
    for sql in [
        "SELECT id, CAST(now() AS TIMESTAMP(6)) AS made_at FROM record",
        "SELECT id, current_date() AS made_on FROM record",
        "SELECT id FROM record WHERE ordered_on < current_date()",
        "SELECT id, CAST(current_timestamp AS TIMESTAMP(6)) AS made_at FROM record",
    ] {
        let problems = world().problems(&setup("insert", sql));
        assert!(
            problems.iter().any(|problem| problem.contains("which gives another value each time")),
            "{sql}: {problems:?}"
        );
    }
    let fixed = made("insert", "SELECT id FROM record WHERE ordered_on < DATE '2024-01-02'");
    assert_eq!(fixed, ["1", "2"]);
}

#[test]
fn aggregates_that_do_not_merge_are_refused() {
    let cases = [
        (
            "SELECT customer, count(DISTINCT ordered_on) AS n FROM record GROUP BY customer",
            "`n` is DISTINCT, and distinct \
          values of two batches cannot be merged / make the distinct value part of the key (GROUP BY), and count when \
          you read the table",
        ),
        (
            "SELECT customer, sum(score) AS s FROM record GROUP BY customer",
            "`s` sums Float64, whose sum depends on the \
          order of the records / cast it: sum(CAST(amount AS DECIMAL(12,2)))",
        ),
        (
            "SELECT customer, avg(score) AS s FROM record GROUP BY customer",
            "`s` sums Float64, whose sum depends on the \
          order of the records / cast it: sum(CAST(amount AS DECIMAL(12,2)))",
        ),
        (
            "SELECT customer, median(amount) AS m FROM record GROUP BY customer",
            "`m` is median(…), whose partial results \
          cannot be merged / use sum, count, min, max or avg (avg(x) AS a is kept as a_sum and a_count)",
        ),
        (
            "SELECT customer, array_agg(id) AS m FROM record GROUP BY customer",
            "`m` is array_agg(…), whose partial \
          results cannot be merged / use sum, count, min, max or avg (avg(x) AS a is kept as a_sum and a_count)",
        ),
        (
            "SELECT customer, count(*) AS n FROM record GROUP BY customer HAVING count(*) > 1",
            "HAVING drops partial \
          results before they are merged / leave it out, and filter when you read the table",
        ),
        (
            "SELECT customer, n FROM (SELECT customer, count(*) AS n FROM record GROUP BY customer) WHERE n > 1",
            "HAVING \
          drops partial results before they are merged / leave it out, and filter when you read the table",
        ),
        (
            "SELECT count(*) AS n FROM record GROUP BY customer",
            "the result lacks `record.customer`, by which it is \
          grouped / select every expression of GROUP BY: together they are the key",
        ),
        (
            "SELECT count(*) AS n FROM record",
            "merging needs a plain GROUP BY, whose expressions are the key / group by \
          the columns of the key, for example SELECT day, sum(amount) AS revenue FROM record GROUP BY day",
        ),
        (
            "SELECT customer, count(*) AS n FROM record GROUP BY ROLLUP (customer)",
            "merging needs a plain GROUP BY, whose \
          expressions are the key / group by the columns of the key, for example SELECT day, sum(amount) AS revenue \
          FROM record GROUP BY day",
        ),
        (
            "SELECT id, amount FROM record",
            "the query does not aggregate, so there is nothing to merge / add a GROUP BY, \
          or say write = \"insert\" or \"replace\"",
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(refusal("merge", sql), format!("source[0].analyser[0].sql: {expected}"), "{sql}");
    }
}

#[test]
fn an_aggregate_that_needs_to_see_all_records_is_refused() {
    for sql in [
        "SELECT customer, count(*) AS n FROM record GROUP BY customer ORDER BY n",
        "SELECT customer, count(*) AS n FROM record GROUP BY customer LIMIT 1",
        "SELECT DISTINCT customer, count(*) AS n FROM record GROUP BY customer",
        "SELECT one.customer, count(*) AS n FROM record AS one JOIN record AS two ON one.id = two.id GROUP BY one.customer",
        "SELECT customer, count(*) AS n FROM (SELECT DISTINCT customer FROM record) GROUP BY customer",
    ] {
        assert!(refusal("merge", sql).contains(CUT), "{sql}");
    }
}

#[test]
fn what_is_computed_from_aggregates_is_refused() {
    for what in [
        "sum(amount) / count(*)",
        "CAST(sum(amount) AS BIGINT)",
        "CAST(sum(amount) AS DECIMAL(22,1))",
        "CAST(sum(quantity) AS BIGINT)",
        "CAST(min(amount) AS TEXT)",
        "CAST(min(customer) AS BIGINT)",
        "TRY_CAST(sum(amount) AS DECIMAL(30,2))",
        "coalesce(sum(amount), 0)",
        "-sum(amount)",
        "avg(amount) + 1",
        "CASE WHEN count(*) > 1 THEN 1 ELSE 0 END",
    ] {
        let sql = format!("SELECT customer, {what} AS x FROM record GROUP BY customer");
        let expected = "source[0].analyser[0].sql: `x` is computed from aggregates, and what is computed cannot be merged \
                        / keep its parts (sum, count, min, max) as columns of their own, and compute when you read the table; \
                        avg(x) AS a is kept as a_sum and a_count";
        assert_eq!(refusal("merge", &sql), expected, "{sql}");
    }
    let inside =
        "SELECT customer, sum(amount * 2) AS twice, sum(coalesce(amount, 0)) AS s FROM record GROUP BY customer";
    assert_eq!(made("merge", inside), ["Ana|1.5|0.75", "Eva|4.5|2.25"]);
}

#[test]
fn what_is_neither_an_aggregate_nor_grouped_by_is_refused() {
    for what in ["1", "home()", "'of ' || home()"] {
        let sql = format!("SELECT customer, {what} AS x, count(*) AS n FROM record GROUP BY customer");
        let expected = "source[0].analyser[0].sql: `x` is no aggregate, and the query does not group by it / add its \
                        expression to GROUP BY, as in GROUP BY day, home()";
        assert_eq!(refusal("merge", &sql), expected, "{sql}");
    }
    let grouped = "SELECT customer, home() AS x, count(*) AS n FROM record GROUP BY customer, home()";
    assert_eq!(made("merge", grouped), ["Ana|es|3", "Eva|es|1"]);
    let constant = "SELECT customer, 'x' AS x, count(*) AS n FROM record GROUP BY customer, 'x'";
    assert_eq!(made("merge", constant), ["Ana|x|3", "Eva|x|1"]);
}

#[test]
fn aggregates_need_to_be_merged() {
    let sql = "SELECT customer AS id, count(*) AS n FROM record GROUP BY customer";
    for write in ["insert", "replace"] {
        let expected = "source[0].analyser[0].sql: the query aggregates, but its rows are not merged / say write = \
                        \"merge\", so that each batch's partial results are merged by key";
        assert_eq!(refusal(write, sql), expected);
    }
    assert_eq!(made("merge", sql), ["Ana|3", "Eva|1"]);
}

#[test]
fn an_aggregate_of_aggregates_is_refused_with_a_help_that_helps() {
    let sql = "SELECT ordered_on, max(n) AS most FROM
               (SELECT ordered_on, customer, count(*) AS n FROM record GROUP BY ordered_on, customer) GROUP BY ordered_on";
    let refusal = refusal("merge", sql);
    assert!(!refusal.contains("say write = \"merge\""), "it says so already: {refusal}");
}

#[test]
fn every_mergeable_aggregate_is_kept_exactly() {
    let all = "SELECT customer, count(*) AS n, count(amount) AS amounts, sum(amount) AS s, min(amount) AS least,
               max(amount) AS most, sum(id) AS ids, min(ordered_on) AS since FROM record GROUP BY customer";
    assert_eq!(made("merge", all), ["Ana|3|2|0.75|-0.75|1.5|8|2024-01-01", "Eva|1|1|2.25|2.25|2.25|2|2024-01-01"]);
    let average = "SELECT customer, avg(amount) AS mean FROM record GROUP BY customer";
    assert_eq!(made("merge", average), ["Ana|0.75|2", "Eva|2.25|1"], "its sum and its count");
    let world = world();
    world.run(&setup("merge", average));
    let columns = world.rows("es", "SELECT name FROM pragma_table_info('made')");
    assert_eq!(columns, ["customer", "mean_sum", "mean_count"]);
}

#[test]
fn filters_and_nested_projections_are_taken() {
    let filtered =
        "SELECT customer, count(*) FILTER (WHERE amount < 0) AS refunds, sum(amount) FILTER (WHERE amount > 0)
                    AS paid FROM record GROUP BY customer";
    assert_eq!(made("merge", filtered), ["Ana|1|1.5", "Eva|0|2.25"]);
    let nested = "SELECT who, total AS sum_of_all FROM (SELECT who, sum(a) AS total FROM
                  (SELECT customer AS who, amount AS a FROM record WHERE amount > 0) GROUP BY who)";
    assert_eq!(made("merge", nested), ["Ana|1.5", "Eva|2.25"]);
    let with = "WITH paid AS (SELECT * FROM record WHERE amount > 0) SELECT customer, count(*) AS n FROM paid GROUP BY customer";
    assert_eq!(made("merge", with), ["Ana|1", "Eva|1"]);
    let key_last = "SELECT sum(amount) AS s, customer FROM record GROUP BY customer";
    assert_eq!(made("merge", key_last), ["Ana|0.75", "Eva|2.25"], "the key comes first");
    let distinct = "SELECT customer FROM record GROUP BY customer";
    assert_eq!(world().problems(&setup("merge", distinct)), Vec::<String>::new());
    let of_an_expression =
        "SELECT upper(customer) AS who, extract(DAY FROM ordered_on) AS day, count(*) AS n FROM record
                            GROUP BY upper(customer), extract(DAY FROM ordered_on)";
    assert_eq!(made("merge", of_an_expression), ["ANA|1|1", "ANA|2|2", "EVA|1|1"]);
}

#[test]
fn casts_that_lose_nothing_are_taken() {
    let casts = "SELECT CAST(ordered_on AS TEXT) AS day, CAST(sum(amount) AS DECIMAL(30,4)) AS s,
                 CAST(count(*) AS BIGINT) AS n, CAST(max(amount) AS DECIMAL(20,2)) AS most, sum(CAST(id AS DECIMAL(8,1)))
                 AS ids FROM record GROUP BY ordered_on";
    let made = made("merge", casts);
    assert_eq!(made, ["2024-01-01|3.75|2|2.25|3", "2024-01-02|-0.75|2|-0.75|7"]);
}

#[test]
fn types_that_no_home_holds_are_refused() {
    let help = "cast it to text, an integer, a decimal, a date or TIMESTAMP(6)";
    for (sql, message) in [
        (
            "SELECT id, CAST(ordered_on AS TIMESTAMP) AS t FROM record",
            "the column `t` is Timestamp(ns), which no home can hold",
        ),
        (
            "SELECT id, INTERVAL '1 day' AS t FROM record",
            "the column `t` is Interval(MonthDayNano), which no home can hold",
        ),
        ("SELECT id, CAST('10:00' AS TIME) AS t FROM record", "the column `t` is Time64(ns), which no home can hold"),
        ("SELECT id, NULL AS t FROM record", "the column `t` is Null, which no home can hold"),
        (
            "SELECT id, CAST(amount AS DECIMAL(50,2)) AS t FROM record",
            "the column `t` is Decimal256(50, 2), which no home can hold",
        ),
    ] {
        let refusal = refusal("insert", sql);
        assert!(refusal.starts_with(&format!("source[0].analyser[0].sql: {message}")), "{sql}: {refusal}");
        assert!(refusal.ends_with(help), "{sql}: {refusal}");
    }
    let cast = "SELECT id, CAST(ordered_on AS TIMESTAMP(6)) AS t FROM record WHERE id = 1";
    assert_eq!(made("insert", cast), ["1|2024-01-01 00:00:00"]);
    assert_eq!(made("insert", "SELECT id, CAST(id AS SMALLINT) AS t FROM record WHERE id = 1"), ["1|1"]);
}

#[test]
fn what_the_planner_does_not_know_is_refused_with_what_there_is() {
    let help = "`record` is the table to select from; its columns are the source's, and its functions are DataFusion's";
    for (sql, part) in [
        ("SELECT nonsense FROM record", "nonsense"),
        ("SELECT id FROM orders", "orders"),
        ("SELECT nonsense(id) AS x FROM record", "nonsense"),
        ("SELECT id FROM", ""),
        ("SELECT id FROM record; SELECT id FROM record", ""),
    ] {
        let refusal = refusal("insert", sql);
        assert!(refusal.starts_with("source[0].analyser[0].sql: ") && refusal.contains(part), "{sql}: {refusal}");
        assert!(refusal.ends_with(help), "{sql}: {refusal}");
    }
}

#[test]
fn a_key_must_be_in_the_result() {
    let problems = |write: &str, key: &str, sql: &str| {
        world().problems(&Setup::new().analyser("made", &format!("write = \"{write}\"\nkey = {key}"), sql))
    };
    let expected = "source[0].analyser[0].key: the result has no column `country` / its columns are id, customer";
    assert_eq!(problems("insert", "\"country\"", "SELECT id, customer FROM record"), [expected]);
    assert_eq!(problems("insert", "\"id\"", "SELECT id, customer FROM record"), Vec::<String>::new());
    let expected = "source[0].analyser[0].key: the key is not what the query groups by / it groups by customer";
    let sql = "SELECT customer, count(*) AS n FROM record GROUP BY customer";
    assert_eq!(problems("merge", "\"n\"", sql), [expected]);
    assert_eq!(problems("merge", "[\"customer\", \"n\"]", sql), [expected]);
    assert_eq!(problems("merge", "\"customer\"", sql), Vec::<String>::new());
}

#[test]
fn columns_that_differ_only_in_case_are_refused() {
    // SQLite takes `a` and `A` for one column.
    let problems = world().problems(&setup("insert", "SELECT id, customer AS a, country AS \"A\" FROM record"));
    assert_eq!(problems.len(), 1, "a check finds nothing, and every home fails at the first write");
}

#[test]
fn nothing_is_written_when_one_of_many_analysers_is_refused() {
    let world = world();
    let setup = setup("insert", "SELECT id FROM record").insert("other", "SELECT DISTINCT id FROM record");
    let error =
        crate::fixture::run(&world.pipeline(&setup), std::sync::Arc::new(domicile_pipeline::Silent)).unwrap_err();
    assert!(error.is_configuration());
    assert_eq!(error.problems().unwrap().len(), 1);
    assert!(!world.home_path("es").exists() && !world.path("control.sqlite").exists());
}

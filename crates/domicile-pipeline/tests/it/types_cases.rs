//! The types that are tried: of each kind of source, with values from one end to the other.

use crate::types_databases::{Kind, Shape};

/// A type of a source, and values of it as SQL writes them. NULL is tried of each.
pub(crate) struct Case {
    pub(crate) declared: &'static str,
    /// What `columns` says of it, if anything.
    pub(crate) configured: Option<&'static str>,
    pub(crate) shape: Shape,
    pub(crate) values: &'static [&'static str],
    /// What the source is asked for to compare with, where it is not the column itself.
    pub(crate) compared: Option<&'static str>,
}

const fn case(declared: &'static str, shape: Shape, values: &'static [&'static str]) -> Case {
    Case { declared, configured: None, shape, values, compared: None }
}

impl Case {
    const fn configured(self, configured: &'static str) -> Self {
        Self { configured: Some(configured), ..self }
    }

    const fn compared(self, compared: &'static str) -> Self {
        Self { compared: Some(compared), ..self }
    }
}

pub(crate) fn cases(kind: Kind) -> Vec<Case> {
    match kind {
        Kind::Postgres => postgres(),
        Kind::MariaDb => mariadb(),
        Kind::Sqlite => sqlite(),
    }
}

/// The types that are refused before anything is read.
pub(crate) fn refused(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Postgres => &["numeric", "numeric(50,2)"],
        Kind::MariaDb => &["decimal(65,30)"],
        Kind::Sqlite => &["", "NUMERIC", "DECIMAL(40,2)"],
    }
}

/// A decimal with as many digits as there may be.
const DECIMAL: &[&str] = &["0", "-1234567890123456789012345678.0123456789", "9999999999999.99", "12.5"];

fn postgres() -> Vec<Case> {
    use Shape::{Boolean, Bytes, Float, Instant, Number, Text, Time, Uuid};
    vec![
        case("smallint", Number, &["-32768", "32767"]),
        case("integer", Number, &["-2147483648", "2147483647"]),
        case("bigint", Number, &["-9223372036854775808", "9223372036854775807"]),
        case("oid", Number, &["4294967295"]),
        case("bigint", Number, &["0", "9223372036854775807", "-1"]).configured("unsigned"),
        case("real", Float, &["0.1", "3.4028235e38", "'NaN'", "'Infinity'", "'-Infinity'"]),
        case(
            "double precision",
            Float,
            &["0.1", "1.7976931348623157e308", "5e-324", "'NaN'", "'Infinity'", "'-Infinity'"],
        ),
        case("numeric(12,2)", Number, &["-9999999999.99", "0.01", "'NaN'"]),
        case("numeric(38,10)", Number, DECIMAL),
        case("numeric(38,38)", Number, &["0.12345678901234567890123456789012345678", "0.5"]),
        case("numeric", Number, &["12.5", "1e28", "1e-11", "'NaN'", "'-Infinity'"]).configured("decimal(38,10)"),
        case("numeric", Text, &["123456789012345678901234567890123456789.5", "'NaN'"]).configured("text"),
        case("money", Text, &["'-12.50'"]),
        case("boolean", Boolean, &["true", "false"]),
        case("text", Text, &["''", "' ñ€😀 '", "E'\"\\'\\n\\t\\\\'"]),
        case("text", Number, &["'42'", "'forty-two'"]).configured("integer"),
        case("varchar(9)", Text, &["'ñ€😀'"]),
        case("char(5)", Text, &["'ab'"]),
        case("bytea", Bytes, &["''", "'\\x00ff41'"]),
        case("date", Time, &["'0001-01-01'", "'9999-12-31'", "'0044-03-15 BC'", "'10000-01-01'", "'infinity'"]),
        case("time", Time, &["'00:00'", "'23:59:59.999999'", "'24:00'"]),
        case("timetz", Text, &["'12:30:00.5+02'"]),
        case(
            "timestamp",
            Time,
            &["'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "'0044-03-15 12:00 BC'", "'-infinity'"],
        ),
        case(
            "timestamptz",
            Instant,
            &[
                "'0001-01-01 00:00:00+00'",
                "'2024-02-29 12:00:00.000001+02'",
                "'9999-12-31 23:59:59.999999+00'",
                "'infinity'",
            ],
        ),
        case("timestamptz", Time, &["'2024-02-29 12:00:00+02'"])
            .configured("timestamp")
            .compared("(v AT TIME ZONE 'UTC')::text"),
        case("interval", Text, &["'1 year -2 mons 3 days 04:05:06.789'", "'-178000000 years'"]),
        case("uuid", Uuid, &["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"]),
        case("text", Uuid, &["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'none'"]).configured("uuid"),
        case("json", Text, &["'{\"b\": 1.0, \"b\": 12345678901234567890.0123456789}'", "'null'", "'\"\\u0000\"'"]),
        case("jsonb", Text, &["'{\"b\": 1.0, \"a\": [12345678901234567890.0123456789, null]}'", "'null'"]),
        case("text", Text, &["'{\"a\": 1}'", "'{a}'"]).configured("json"),
        case("mood", Text, &["'glad'"]),
        case("text[]", Text, &["'{}'", "'{a,NULL,\"b,c\",\"ñ\"}'", "'{{a},{b}}'"]),
        case("integer[]", Text, &["'{1,NULL,-3}'", "'[0:1]={5,6}'"]),
        case("timestamptz[]", Text, &["'{\"2024-02-29 12:00:00.000001+02\"}'"]),
        case("inet", Text, &["'::1/64'"]),
        case("bit(3)", Text, &["B'101'"]),
        case("int4range", Text, &["'[1,5)'", "'empty'"]),
        case("point", Text, &["'(0.1,1e300)'"]),
        case("xml", Text, &["'<a>ñ</a>'"]),
        case("tsvector", Text, &["'fat:2 rat:3A'"]),
    ]
}

fn mariadb() -> Vec<Case> {
    use Shape::{Bits, Boolean, Bytes, Float, Instant, Number, Text, Time, Uuid};
    vec![
        case("tinyint", Number, &["-128", "127"]),
        case("smallint unsigned", Number, &["65535"]),
        case("mediumint", Number, &["-8388608"]),
        case("int", Number, &["-2147483648", "2147483647"]),
        case("bigint", Number, &["-9223372036854775808", "9223372036854775807"]),
        case("bigint unsigned", Number, &["0", "9223372036854775807", "18446744073709551615"]),
        case("bit(64)", Bits, &["b'1'", "~0"]),
        case("tinyint(1)", Boolean, &["1", "0", "2"]),
        case("tinyint(1)", Number, &["2"]).configured("integer"),
        case("year", Bits, &["1901", "2155", "0"]),
        case("float", Float, &["0.1", "3.4028234e38"]),
        case("double", Float, &["0.1", "1.7976931348623157e308"]),
        case("decimal(12,2)", Number, &["-9999999999.99", "0.01"]),
        case("decimal(38,10)", Number, DECIMAL),
        case("decimal(38,38)", Number, &["0.12345678901234567890123456789012345678", "0.5"]),
        case("decimal(65,30)", Number, &["12.5", "1e28", "1e-11"]).configured("decimal(38,10)"),
        case("decimal(65,30)", Text, &["12345678901234567890123456789012345.5"]).configured("text"),
        case("char(5)", Text, &["'ab'"]),
        case("varchar(9)", Text, &["''", "' ñ€😀 '", "'a\\0b'"]),
        case("longtext", Text, &["'\"\\'\\n\\t\\\\'"]),
        case("varchar(9)", Number, &["'42'", "'forty-two'"]).configured("integer"),
        case("binary(4)", Bytes, &["x'00ff'"]),
        case("varbinary(9)", Bytes, &["x''", "x'00ff41'"]),
        case("longblob", Bytes, &["x'c3'"]),
        case("date", Time, &["'0001-01-01'", "'9999-12-31'", "'0000-00-00'", "'2024-00-10'"]),
        case("date", Text, &["'0000-00-00'"]).configured("text"),
        case("time(6)", Time, &["'00:00'", "'23:59:59.999999'", "'-00:00:01'", "'838:59:59'"]),
        case("time(6)", Text, &["'-838:59:59.000001'"]).configured("text"),
        case("datetime(6)", Time, &["'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "'0000-00-00 00:00:00'"]),
        case(
            "timestamp(6) NULL",
            Instant,
            &["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07.999999'", "'0000-00-00 00:00:00'"],
        ),
        case("timestamp(6) NULL", Time, &["'2024-02-29 12:00:00'"]).configured("timestamp"),
        case("enum('a','B')", Text, &["'a'", "'B'"]),
        case("set('a','b')", Text, &["'a,b'", "''"]),
        case("json", Text, &["'{\"b\": 1.0, \"b\": 12345678901234567890.0123456789}'"]),
        case("json", Text, &["'{\"a\": 1}'", "'\"\\\\u0000\"'"]).configured("json"),
        case("uuid", Uuid, &["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"]),
        case("uuid", Uuid, &["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"]).configured("uuid"),
        case("binary(16)", Uuid, &["x'a0eebc999c0b4ef8bb6d6bb9bd380a11'"]).configured("uuid").compared("hex(v)"),
        case("inet6", Text, &["'::1'"]),
        case("point", Text, &["ST_GeomFromText('POINT(1 2)')"]).compared("hex(ST_AsText(v))"),
    ]
}

fn sqlite() -> Vec<Case> {
    use Shape::{Boolean, Bytes, Float, Instant, Number, Text, Time, Uuid};
    vec![
        case("INTEGER", Number, &["-9223372036854775808", "9223372036854775807", "1.5", "'x'"]),
        case("INTEGER", Number, &["0", "9223372036854775807", "-1"]).configured("unsigned"),
        case("REAL", Float, &["0.1", "1.7976931348623157e308", "9e999", "-9e999", "'x'"]),
        case("DECIMAL(12,2)", Number, &["-9999999999.99", "0.01", "0.001"]),
        case("TEXT", Number, &["'-1234567890123456789012345678.0123456789'", "'12.5'", "'1e3'"])
            .configured("decimal(38,10)"),
        case("TEXT", Number, &["'18446744073709551615'", "'-1'"]).configured("unsigned"),
        case("BOOLEAN", Boolean, &["1", "0", "2"]),
        case("TEXT", Text, &["''", "' ñ€😀 '", "char(97, 0, 98)", "CAST(x'c3' AS TEXT)"]),
        case("BLOB", Bytes, &["x''", "x'00ff41'"]),
        case("DATE", Time, &["'0001-01-01'", "'9999-12-31'", "'0000-01-01'", "'2024-02-30'", "20240229"]),
        case("TIME", Time, &["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"]),
        case(
            "DATETIME",
            Time,
            &[
                "'0001-01-01 00:00:00'",
                "'9999-12-31 23:59:59.999999'",
                "'2024-02-29 12:00:00.0000001'",
                "'2024-02-29 12:00:00Z'",
            ],
        ),
        case("TIMESTAMPTZ", Instant, &["'2024-02-29 12:00:00.000001+00:00'", "'2024-02-29 12:00:00'"]),
        case(
            "UUID",
            Uuid,
            &["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "x'a0eebc999c0b4ef8bb6d6bb9bd380a11'", "'none'"],
        ),
        case("JSON", Text, &["'{\"b\": 1.0, \"b\": 12345678901234567890.0123456789}'", "5", "'{a}'"]),
        case("", Text, &["'a'", "5", "0.5"]).configured("text"),
    ]
}

//! Asking a running command over HTTP, and reading what Prometheus would read.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks for a path.
pub(crate) fn get(address: &str, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("it has a status");
    Ok(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// Metrics: what each is, and its samples as they are written.
#[derive(Debug)]
pub(crate) struct Scraped {
    /// By name: type, unit and what it means.
    pub(crate) families: BTreeMap<String, (String, Option<String>, String)>,
    samples: BTreeMap<String, f64>,
}

impl Scraped {
    /// The value of a sample, which is named with its labels.
    #[track_caller]
    pub(crate) fn value(&self, sample: &str) -> f64 {
        self.maybe(sample).unwrap_or_else(|| panic!("no {sample} in {:#?}", self.samples))
    }

    pub(crate) fn maybe(&self, sample: &str) -> Option<f64> {
        self.samples.get(sample).copied()
    }

    /// All samples of a name, with whatever labels.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = (&String, f64)> {
        let begin = format!("{name}{{");
        self.samples
            .iter()
            .filter(move |(sample, _)| sample.starts_with(&begin))
            .map(|(sample, value)| (sample, *value))
    }
}

/// Reads the text of OpenMetrics, or says which of its rules a line breaks.
pub(crate) fn read(text: &str) -> Result<Scraped, String> {
    let text = text.strip_suffix("# EOF\n").ok_or("it does not end with `# EOF`")?;
    let mut scraped = Scraped { families: BTreeMap::new(), samples: BTreeMap::new() };
    let mut help = None;
    let mut of = String::new();
    for line in text.lines() {
        let broken = |rule: &str| Err(format!("{rule}: {line}"));
        if let Some(described) = line.strip_prefix("# ") {
            let mut words = described.splitn(3, ' ');
            let [what, name, rest] = [words.next(), words.next(), words.next()].map(Option::unwrap_or_default);
            match what {
                "HELP" if !rest.is_empty() => help = Some((name.to_owned(), rest.to_owned())),
                "TYPE" => {
                    let Some((_, help)) = help.take().filter(|(of, _)| of == name) else {
                        return broken("a type comes behind its help");
                    };
                    if scraped.families.insert(name.to_owned(), (rest.to_owned(), None, help)).is_some() {
                        return broken("a family comes once");
                    }
                    of = name.to_owned();
                }
                "UNIT" if name == of && name.ends_with(&format!("_{rest}")) => {
                    scraped.families.get_mut(name).expect("it has a type").1 = Some(rest.to_owned());
                }
                _ => return broken("a description is HELP, TYPE or UNIT"),
            }
            continue;
        }
        let Some((sample, value)) = line.rsplit_once(' ') else { return broken("a sample has a value") };
        let (name, labels) = sample.split_once('{').map_or((sample, ""), |(name, labels)| (name, labels));
        let kind = scraped.families.get(&of).map(|(kind, ..)| kind.as_str());
        let suffix = name.strip_prefix(&of);
        let is_named = match (kind, suffix) {
            (Some("counter"), Some("_total")) | (Some("gauge"), Some("")) => true,
            (Some("histogram"), Some("_bucket")) => labels.contains("le=\""),
            (Some("histogram"), Some("_sum" | "_count")) => true,
            _ => false,
        };
        if !is_named {
            return broken("a sample is of the family above it, and named by its type");
        }
        let is_label = |label: &str| {
            label.split_once("=\"").is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        };
        if sample.contains('{') && !labels.strip_suffix("\"}").is_some_and(|labels| labels.split("\",").all(is_label)) {
            return broken("labels are key=\"value\"");
        }
        let Ok(value) = value.parse::<f64>() else { return broken("a value is a number") };
        if kind == Some("counter") && value < 0.0 {
            return broken("a counter is never negative");
        }
        if scraped.samples.insert(sample.to_owned(), value).is_some() {
            return broken("a sample comes once");
        }
    }
    histograms_add_up(&scraped)?;
    Ok(scraped)
}

/// Buckets only grow, and the last is the count.
fn histograms_add_up(scraped: &Scraped) -> Result<(), String> {
    for (name, _) in scraped.families.iter().filter(|(_, (kind, ..))| kind == "histogram") {
        let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (sample, count) in scraped.all(&format!("{name}_bucket")) {
            let (before, rest) = sample.split_once("le=\"").expect("it was seen above");
            let (bound, after) = rest.split_once('"').expect("a label ends");
            let others = format!("{}{}", before.trim_end_matches(','), after).replace("{,", "{");
            let labels = others.replace("_bucket", "_count");
            let bound = bound.replace("+Inf", "inf").parse().map_err(|_| format!("{sample} has no bound"))?;
            series.entry(labels).or_default().push((bound, count));
        }
        for (labels, mut buckets) in series {
            buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
            let (last, count) = (buckets.last().unwrap(), scraped.value(&labels));
            if !buckets.is_sorted_by(|left, right| left.1 <= right.1) || last.0.is_finite() || last.1 != count {
                return Err(format!("{labels} does not add up: {buckets:?}"));
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_no_openmetrics_is_told() {
    let good = "# HELP a_seconds What.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n\
        a_seconds_sum{home=\"x\"} 1.5\na_seconds_count{home=\"x\"} 2\n\
        a_seconds_bucket{home=\"x\",le=\"1.0\"} 1\na_seconds_bucket{le=\"+Inf\",home=\"x\"} 2\n\
        # HELP b What.\n# TYPE b counter\nb_total 3\n# EOF\n";
    let scraped = read(good).unwrap();
    assert_eq!((scraped.value("b_total"), scraped.value("a_seconds_sum{home=\"x\"}")), (3.0, 1.5));
    for (from, to) in [
        ("# EOF\n", ""),
        ("b_total 3", "b 3"),
        ("b_total 3", "b_total -3"),
        ("b_total 3", "b_total three"),
        ("b_total 3", "b_total 3\nb_total 3"),
        ("b_total 3", "b_total{home=x} 3"),
        ("le=\"1.0\"} 1", "le=\"1.0\"} 3"),
        ("_count{home=\"x\"} 2", "_count{home=\"x\"} 3"),
        ("# HELP b What.\n", ""),
        ("UNIT a_seconds seconds", "UNIT a_seconds bytes"),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(read(&good.replacen(from, to, 1)).is_err(), "{from} -> {to}");
    }
}

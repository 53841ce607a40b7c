//! Traces, as a collector receives them. The feature `otel` makes them.

#![cfg(feature = "otel")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use domicile_testkit::{Sandbox, Shop};

use crate::command::domicile_with;

/// A span, as far as these tests look at it.
#[derive(Debug)]
struct Span {
    name: String,
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    /// The keys and texts of its attributes.
    attributes: Vec<(String, String)>,
}

/// The fields of a message in the encoding of Protocol Buffers that have a length, by number. Others are left out.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                varint(&mut bytes);
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)).unwrap(),
            5 => 4,
            other => panic!("there is no wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        bytes = rest;
        if tag & 7 == 2 {
            fields.push((tag >> 3, value));
        }
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0.. {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << (7 * place);
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

fn all(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    fields(bytes).into_iter().filter(|(field, _)| *field == number).map(|(_, value)| value).collect()
}

fn text(bytes: &[u8], number: u64) -> String {
    all(bytes, number).first().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
}

/// The spans of an `ExportTraceServiceRequest`.
fn spans(request: &[u8]) -> Vec<Span> {
    let scopes = all(request, 1).into_iter().flat_map(|resource| all(resource, 2));
    let span = |span: &[u8]| {
        let bytes = |number| all(span, number).first().map(|bytes| bytes.to_vec()).unwrap_or_default();
        let attribute =
            |pair: &[u8]| (text(pair, 1), all(pair, 2).first().map(|value| text(value, 1)).unwrap_or_default());
        let attributes = all(span, 9).into_iter().map(attribute).collect();
        Span { name: text(span, 5), trace: bytes(1), id: bytes(2), parent: bytes(4), attributes }
    };
    scopes.flat_map(|scope| all(scope, 2)).map(span).collect()
}

/// What a collector at an address is sent: the head of each request, and its body.
fn collector(listener: TcpListener) -> Receiver<(String, Vec<u8>)> {
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, sender) = (stream.unwrap(), sender.clone());
            std::thread::spawn(move || {
                while let Some(request) = answered(&stream) {
                    sender.send(request).unwrap()
                }
            });
        }
    });
    received
}

fn answered(mut stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().trim().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").unwrap();
    Some((head, body))
}

fn shop() -> Sandbox {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 71).sell(50);
    sandbox
}

#[test]
fn a_collector_is_sent_a_run_with_its_sources_reads_and_transactions() {
    let sandbox = shop();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let received = collector(listener);
    domicile_with(sandbox.dir(), ["run"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).exits(3);
    let requests: Vec<_> = received.try_iter().collect();
    assert!(requests[0].0.starts_with("post /v1/traces "), "{}", requests[0].0);
    let bodies: Vec<u8> = requests.iter().flat_map(|(_, body)| body.clone()).collect();
    assert!(String::from_utf8_lossy(&bodies).contains("service.name"));
    let spans: Vec<_> = requests.iter().flat_map(|(_, body)| spans(body)).collect();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let ([run], [source]) = (&named("run")[..], &named("source")[..]) else { panic!("{spans:#?}") };
    assert!(run.parent.is_empty() && source.parent == run.id, "{spans:#?}");
    assert!(source.attributes.contains(&(String::from("source"), String::from("sales"))), "{source:?}");
    let transactions = named("transaction");
    assert_eq!((named("read").len(), transactions.len()), (1, 6), "{spans:#?}");
    for span in named("read").into_iter().chain(transactions) {
        assert_eq!((&span.parent, &span.trace), (&source.id, &run.trace), "{span:?}");
    }
    let position = (String::from("position"), String::from("50"));
    assert!(named("transaction").iter().all(|span| span.attributes.contains(&position)), "{spans:#?}");
    // Nothing of a record is in them.
    assert!(!String::from_utf8_lossy(&bodies).contains("customer-"));
    domicile_with(sandbox.dir(), ["run"], &[]).exits(0);
    assert_eq!(received.try_iter().count(), 0, "without an endpoint nothing is sent");
}

#[test]
fn a_collector_that_is_away_or_says_nothing_changes_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:1", &silent] {
        let sandbox = shop();
        let began = Instant::now();
        let ran = domicile_with(sandbox.dir(), ["run"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).exits(3);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    let sandbox = shop();
    let wrong = domicile_with(sandbox.dir(), ["run"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url")]).exits(2);
    assert!(wrong.stderr.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{}", wrong.stderr);
}

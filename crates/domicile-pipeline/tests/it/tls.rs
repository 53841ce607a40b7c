//! Encrypted connections to servers with a certificate for `localhost`.

use std::fs;
use std::path::Path;

use domicile_pipeline::{Config, Pipeline};
use domicile_testkit::Server;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::fixture::{described, runtime};

/// A certificate and its key.
struct Certified {
    certificate: String,
    key: String,
}

/// An authority, in a file of its own.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(file: &Path) -> Self {
        let mut params = params(&[], &file.display().to_string());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(file, issuer.pem()).unwrap();
        Self { issuer }
    }

    fn certify(&self, names: &[&str]) -> Certified {
        let key = KeyPair::generate().unwrap();
        let certificate = params(names, "somebody").signed_by(&key, &self.issuer).unwrap().pem();
        Certified { certificate, key: key.serialize_pem() }
    }
}

fn params(names: &[&str], whose: &str) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().copied().map(String::from).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, whose);
    params
}

/// How a kind of server is told to encrypt.
struct Kind {
    start: fn() -> Option<Server>,
    table: &'static str,
    /// The arguments for the files of its certificate, its key and the authority of its clients.
    files: fn([String; 3]) -> Vec<String>,
    /// Nothing is taken that is not encrypted.
    only: fn(&Server) -> Vec<String>,
    /// Nothing is encrypted in a way that rustls can.
    strange: &'static [&'static str],
    /// The server's own names of the modes and of the options for a client's certificate.
    modes: [&'static str; 5],
    certificate: [&'static str; 2],
    /// What the server says of a connection that is not encrypted.
    unencrypted: &'static str,
    /// Whether a client that names an authority and no mode asks by it.
    authority_asks: bool,
}

const POSTGRES: Kind = Kind {
    start: Server::postgres,
    table: "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, country text)",
    files: |[certificate, key, authority]| {
        let settings = [
            String::from("ssl=on"),
            format!("ssl_cert_file={certificate}"),
            format!("ssl_key_file={key}"),
            format!("ssl_ca_file={authority}"),
        ];
        settings.into_iter().flat_map(|setting| [String::from("-c"), setting]).collect()
    },
    only: |server| {
        let rules = "hostssl all carded all scram-sha-256 clientcert=verify-ca\nhostssl all all all scram-sha-256\n";
        let rules = server.write_file("rules", rules);
        vec![String::from("-c"), format!("hba_file={}", rules.display())]
    },
    strange: &["-c", "ssl_max_protocol_version=TLSv1.2", "-c", "ssl_ciphers=ECDHE-ECDSA-AES128-SHA"],
    modes: ["disable", "prefer", "require", "verify-ca", "verify-full"],
    certificate: ["sslcert", "sslkey"],
    unencrypted: "no encryption",
    authority_asks: false,
};

const MARIADB: Kind = Kind {
    start: Server::mariadb,
    table: "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, country text)",
    files: |[certificate, key, authority]| {
        vec![format!("--ssl-cert={certificate}"), format!("--ssl-key={key}"), format!("--ssl-ca={authority}")]
    },
    only: |_| vec![String::from("--require-secure-transport=ON")],
    strange: &["--tls-version=TLSv1.2", "--ssl-cipher=ECDHE-ECDSA-AES128-SHA"],
    modes: ["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"],
    certificate: ["ssl-cert", "ssl-key"],
    unencrypted: "Access denied for user",
    authority_asks: true,
};

struct World {
    folder: TempDir,
    authority: Authority,
    server: Server,
    kind: &'static Kind,
}

impl World {
    fn new(kind: &'static Kind) -> Option<Self> {
        let server = (kind.start)()?;
        server.create_database("shop");
        server.sql("shop", kind.table);
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(&folder.path().join("ca.pem"));
        Authority::new(&folder.path().join("other.pem"));
        Some(Self { folder, authority, server, kind })
    }

    /// Starts the server anew, with a certificate for these names and further arguments.
    fn encrypt(&mut self, names: &[&str], arguments: impl IntoIterator<Item = String>) {
        let Certified { certificate, key } = self.authority.certify(names);
        let files = [("certificate", certificate), ("key", key), ("authority", self.authority.issuer.pem())];
        let files = files.map(|(name, text)| self.server.write_file(name, &text).display().to_string());
        self.server.restart_with((self.kind.files)(files).into_iter().chain(arguments));
    }

    /// What a check says of a source that is reached in this way.
    fn problems(&self, host: &str, options: &str) -> String {
        self.problems_of(&self.server.url("shop").replace("127.0.0.1", host), options)
    }

    fn problems_of(&self, url: &str, options: &str) -> String {
        let toml = format!(
            "control = 'sqlite:c'\nhome_url = 'sqlite:{{home}}'\nhomes = ['ES']\n[[source]]\nurl = '{url}?{options}'\n\
             table = 'orders'\ncursor = 'id'\nkey = 'country'\n[[source.analyser]]\ninto = 'orders'\n\
             sql = 'SELECT id FROM record'"
        );
        let config = Config::read(&self.folder.path().join("domicile.toml"), toml, &|_| None).unwrap();
        let checked = runtime().block_on(Pipeline::new(config).check());
        described(&checked.err().unwrap_or_default()).join("\n")
    }
}

macro_rules! for_servers {
    ($($test:ident)*) => {
        mod postgres { $(#[test] fn $test() { super::$test(&super::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(&super::MARIADB) })* }
    };
}

for_servers! {
    whom_a_connection_leads_to_is_asked_as_the_mode_says
    a_certificate_without_a_name_is_of_its_authority_all_the_same
    a_connection_that_only_prefers_encryption_is_made_without_where_that_fails
    a_client_shows_its_certificate
}

fn whom_a_connection_leads_to_is_asked_as_the_mode_says(kind: &'static Kind) {
    let Some(mut world) = World::new(kind) else { return };
    let only = (kind.only)(&world.server);
    world.encrypt(&["localhost"], only);
    let [disable, prefer, require, verify_ca, verify_full] = kind.modes;
    for (host, options) in [
        ("127.0.0.1", format!("sslmode={prefer}")),
        ("127.0.0.1", format!("sslmode={require}")),
        ("127.0.0.1", format!("sslmode={require}&sslrootcert=ca.pem")),
        ("127.0.0.1", format!("sslmode={verify_ca}&sslrootcert=ca.pem")),
        ("127.0.0.1", String::from("ssl-ca=ca.pem")),
        ("localhost", format!("ssl-mode={verify_full}&ssl-ca=ca.pem")),
    ] {
        assert_eq!(world.problems(host, &options), "", "{host} {options}");
    }
    for (host, options, expected) in [
        ("127.0.0.1", format!("sslmode={disable}"), kind.unencrypted),
        ("127.0.0.1", format!("sslmode={require}&sslrootcert=other.pem"), "invalid peer certificate: UnknownIssuer"),
        ("127.0.0.1", format!("sslmode={verify_ca}&sslrootcert=other.pem"), "invalid peer certificate: UnknownIssuer"),
        ("127.0.0.1", format!("sslmode={verify_ca}"), "invalid peer certificate: UnknownIssuer"),
        (
            "127.0.0.1",
            format!("sslmode={verify_full}&sslrootcert=ca.pem"),
            "certificate not valid for name \"127.0.0.1\"",
        ),
        ("localhost", format!("sslmode={verify_full}&sslrootcert=none.pem"), "No such file"),
        ("localhost", format!("sslmode={verify_full}"), "invalid peer certificate: UnknownIssuer"),
    ] {
        let told = world.problems(host, &options);
        assert!(told.contains(expected), "{host} {options}: {told}");
    }
    let alone = world.problems("127.0.0.1", "ssl-ca=other.pem");
    assert_eq!(alone.contains("UnknownIssuer"), kind.authority_asks, "{alone}");
}

/// As the certificates are that MySQL makes for itself.
fn a_certificate_without_a_name_is_of_its_authority_all_the_same(kind: &'static Kind) {
    let Some(mut world) = World::new(kind) else { return };
    world.encrypt(&[], []);
    let [_, _, _, verify_ca, verify_full] = kind.modes;
    assert_eq!(world.problems("127.0.0.1", &format!("sslmode={verify_ca}&sslrootcert=ca.pem")), "");
    let told = world.problems("127.0.0.1", &format!("sslmode={verify_ca}&sslrootcert=other.pem"));
    assert!(told.contains("UnknownIssuer"), "{told}");
    let told = world.problems("127.0.0.1", &format!("sslmode={verify_full}&sslrootcert=ca.pem"));
    assert!(told.contains("not valid for name"), "{told}");
}

fn a_connection_that_only_prefers_encryption_is_made_without_where_that_fails(kind: &'static Kind) {
    let Some(mut world) = World::new(kind) else { return };
    world.encrypt(&["localhost"], kind.strange.iter().copied().map(String::from));
    let [_, prefer, require, ..] = kind.modes;
    let told = world.problems("localhost", &format!("sslmode={require}"));
    assert!(told.contains("HandshakeFailure"), "the server does encrypt, and not as rustls can: {told}");
    assert_eq!(world.problems("localhost", &format!("sslmode={prefer}")), "");
    assert_eq!(world.problems("localhost", ""), "");
    // Without a certificate it encrypts nothing.
    world.server.restart_with([]);
    assert_eq!(world.problems("localhost", &format!("sslmode={prefer}")), "");
    assert_ne!(world.problems("localhost", &format!("sslmode={require}")), "");
}

fn a_client_shows_its_certificate(kind: &'static Kind) {
    let Some(mut world) = World::new(kind) else { return };
    let url = world.server.url("shop");
    let (scheme, _) = url.split_once("://").unwrap();
    let (_, host) = url.split_once('@').unwrap();
    world.server.sql(
        "shop",
        if scheme == "postgres" {
            "CREATE ROLE carded LOGIN PASSWORD 'secret'; GRANT SELECT ON orders, orders_id_seq TO carded"
        } else {
            "CREATE USER carded IDENTIFIED BY 'secret' REQUIRE X509; GRANT SELECT ON shop.* TO carded"
        },
    );
    let only = (kind.only)(&world.server);
    world.encrypt(&["localhost"], only);
    let Certified { certificate, key } = world.authority.certify(&["carded"]);
    fs::write(world.folder.path().join("client.pem"), certificate).unwrap();
    fs::write(world.folder.path().join("client.key"), key).unwrap();
    let ([.., require, _, _], [cert, key]) = (kind.modes, kind.certificate);
    let url = format!("{scheme}://carded:secret@{host}");
    let shown = format!("sslmode={require}&{cert}=client.pem&{key}=client.key");
    assert_eq!(world.problems_of(&url, &shown), "");
    let told = world.problems_of(&url, &format!("sslmode={require}"));
    assert!(told.contains("valid client certificate") || told.contains("Access denied"), "{told}");
}

//! Encrypted connections to a server with a certificate for `localhost`, which takes no others.

use std::fs;
use std::path::Path;

use domicile_pipeline::{Config, Pipeline};
use domicile_testkit::Server;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::fixture::{described, runtime};

/// An authority, in a file of its own.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(file: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(file, issuer.pem()).unwrap();
        Self { issuer }
    }
}

struct World {
    folder: TempDir,
    server: Server,
}

impl World {
    fn new() -> Option<Self> {
        let server = Server::postgres()?;
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(&folder.path().join("ca.pem"));
        Authority::new(&folder.path().join("other.pem"));
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([String::from("localhost")]).unwrap();
        let certificate = params.signed_by(&key, &authority.issuer).unwrap();
        server.create_database("shop");
        for (name, text) in [
            ("server.crt", certificate.pem()),
            ("server.key", key.serialize_pem()),
            ("pg_hba.conf", String::from("local all all scram-sha-256\nhostssl all all all scram-sha-256\n")),
        ] {
            // The server's own user writes it, and nobody else may read the key.
            let write = format!("cat > {name}.new && chmod 600 {name}.new && mv {name}.new {name}");
            let lines: Vec<_> = text.lines().map(|line| format!("('{line}')")).collect();
            server.sql("shop", &format!("COPY (VALUES {}) TO PROGRAM '{write}'", lines.join(", ")));
        }
        server.sql("shop", "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, country text)");
        server.sql("shop", "ALTER SYSTEM SET ssl = on");
        let mut world = Self { folder, server };
        world.server.kill();
        world.server.start_again();
        Some(world)
    }

    /// What a check says of a source that is reached in this way.
    fn problems(&self, host: &str, options: &str) -> String {
        let url = self.server.url("shop").replace("127.0.0.1", host);
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

#[test]
fn whom_a_connection_leads_to_is_asked_as_the_mode_says() {
    let Some(world) = World::new() else { return };
    for (host, options) in [
        ("127.0.0.1", "sslmode=prefer"),
        ("127.0.0.1", "sslmode=require"),
        ("127.0.0.1", "sslmode=require&sslrootcert=ca.pem"),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=ca.pem"),
        ("localhost", "sslmode=verify-full&sslrootcert=ca.pem"),
    ] {
        assert_eq!(world.problems(host, options), "", "{host} {options}");
    }
    for (host, options, expected) in [
        ("127.0.0.1", "sslmode=disable", "no encryption"),
        ("127.0.0.1", "sslmode=require&sslrootcert=other.pem", "invalid peer certificate"),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=other.pem", "invalid peer certificate"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=ca.pem", "invalid peer certificate"),
        ("localhost", "sslmode=verify-full&sslrootcert=none.pem", "a file with a certificate or a key cannot be read"),
        ("localhost", "sslmode=verify-full", "invalid peer certificate"),
    ] {
        let told = world.problems(host, options);
        assert!(told.contains(expected), "{host} {options}: {told}");
    }
}

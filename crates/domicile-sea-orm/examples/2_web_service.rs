//! A web service of several tenants, each with a database of its own. A layer in front of the handlers says whose request
//! it is; the handlers are written as for one database.
//!
//! ```sh
//! cargo run -p domicile-sea-orm --example 2_web_service
//! ```

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domicile::tower::ContextLayer;
use domicile::{Chain, Context, Home, Origin, Placement, PlacementRouter, RoutingKey};
use domicile_sea_orm::{Homes, refusal};
use futures::future::join_all;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, Schema, TransactionTrait};
use sqlx::Sqlite;
use tokio::net::{TcpListener, TcpStream};

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// How many requests each tenant sends, all at once.
const REQUESTS: usize = 40;

/// One of so many requests makes its handler panic.
const PANIC_EVERY: usize = 20;

/// A note. Nothing in it says whose it is.
mod note {
    // What the macros make of an entity must be public in its module.
    #![allow(unreachable_pub)]

    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub text: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The tenant of a request: of its host, as `acme.notes.example`, or of a header that the proxy in front has set.
fn tenant_of(head: &Parts) -> Context {
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let by_host = header("host").and_then(|host| host.strip_suffix(".notes.example"));
    let found = by_host.map(|tenant| (tenant, "header Host"));
    let found = found.or_else(|| header("x-tenant").map(|tenant| (tenant, "header X-Tenant")));
    match found {
        Some((tenant, place)) => Context::empty().and_from(RoutingKey::new(tenant), Origin::told(place)),
        // Nothing is guessed: what a handler asks of the homes is refused.
        None => Context::empty(),
    }
}

/// The handlers share the one handle to all homes, as they would share a connection to one database.
type Db = State<Homes<Sqlite>>;

async fn add(State(db): Db, text: String) -> Result<String, Failed> {
    let note = note::ActiveModel { text: Set(text), ..Default::default() }.insert(&db).await?;
    Ok(note.id.to_string())
}

async fn list(State(db): Db) -> Result<String, Failed> {
    let notes = note::Entity::find().all(&db).await?;
    let lines: Vec<_> = notes.into_iter().map(|note| note.text).collect();
    Ok(lines.join("\n"))
}

/// Panics in the middle of a transaction, which is rolled back.
async fn break_down(State(db): Db, text: String) -> Result<String, Failed> {
    let transaction = db.begin().await?;
    note::ActiveModel { text: Set(text), ..Default::default() }.insert(&transaction).await?;
    panic!("as planned, with {} in the context", Context::current());
}

/// An error of SeaORM as a response. Where something was refused, the request may be at fault.
struct Failed(DbErr);

impl From<DbErr> for Failed {
    fn from(error: DbErr) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let routing = refusal(&self.0).and_then(|refusal| refusal.routing());
        let (status, text) = match routing {
            Some(why) if why.is_no_opinion() => {
                (StatusCode::BAD_REQUEST, "say whose notes: use the host <tenant>.notes.example, or a header X-Tenant")
            }
            Some(why) if why.is_unknown_key() => (StatusCode::NOT_FOUND, "there is no such tenant"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "it is our fault"),
        };
        // The whole story is for the log; it names lines of code.
        println!("log: {status}: {}", self.0);
        (status, text).into_response()
    }
}

/// Opens a home for each tenant.
async fn homes() -> Result<Homes<Sqlite>, Box<dyn Error>> {
    let mut placement = Placement::builder();
    for tenant in TENANTS {
        placement = placement.place(RoutingKey::new(tenant), Home::new(tenant)?, "TENANTS");
    }
    let routers = Chain::new(PlacementRouter::new(placement.build()?));
    let mut homes = Homes::<Sqlite>::builder(routers);
    for tenant in TENANTS {
        homes = homes.home(Home::new(tenant)?, "sqlite::memory:");
    }
    let homes = Homes::from(homes.build()?);
    let create = |home: Homes<Sqlite>| async move {
        home.execute(&Schema::new(home.get_database_backend()).create_table_from_entity(note::Entity)).await
    };
    homes.everywhere().ask(create).await.all()?;
    Ok(homes)
}

/// Starts the service on a free port.
async fn serve(homes: Homes<Sqlite>) -> Result<SocketAddr, Box<dyn Error>> {
    let service = Router::new()
        .route("/notes", get(list).post(add))
        .route("/break-down", post(break_down))
        .layer(ContextLayer::new(tenant_of))
        .with_state(homes);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(address)
}

// Two threads for all requests, so that each is used again and again.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    std::panic::set_hook(Box::new(|panic| println!("log: {panic}")));
    let homes = homes().await?;
    let address = serve(homes.clone()).await?;

    // Interleaved: the first of each tenant, the second of each, and so on; all are under way at the same time.
    let requests = (0..REQUESTS).flat_map(|index| TENANTS.map(|tenant| (index, tenant)));
    let answers = join_all(requests.map(|(index, tenant)| async move {
        let path = if index % PANIC_EVERY == 0 { "/break-down" } else { "/notes" };
        let host = format!("{tenant}.notes.example");
        send(address, ("host", &host), "POST", path, format!("{tenant} {index}")).await
    }));
    let answers = answers.await;
    let broken = answers.iter().filter(|answer| answer.is_err()).count();
    println!("{} requests of {} tenants, {broken} of them broken off by a panic", answers.len(), TENANTS.len());
    assert_eq!(broken, TENANTS.len() * REQUESTS / PANIC_EVERY);

    for tenant in TENANTS {
        let (status, notes) = send(address, ("x-tenant", tenant), "GET", "/notes", String::new()).await?;
        println!("{status}: {tenant} has {} notes, all its own", notes.lines().count());
        assert_eq!(notes.lines().count(), REQUESTS - REQUESTS / PANIC_EVERY);
        assert!(notes.lines().all(|note| note.starts_with(tenant)));
    }

    // On threads that have served all tenants nothing was left behind, so that a request of nobody is refused.
    let before = homes.sqlx().contacts();
    let (status, text) = send(address, ("x-other", "acme"), "GET", "/notes", String::new()).await?;
    println!("{status}: {text}");
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, text) = send(address, ("x-tenant", "umbrella"), "GET", "/notes", String::new()).await?;
    println!("{status}: {text}");
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(homes.sqlx().contacts(), before);
    println!("no database has heard of these two");
    Ok(())
}

/// Sends a request on a connection of its own.
async fn send(
    address: SocketAddr,
    (name, value): (&str, &str),
    method: &str,
    path: &str,
    text: String,
) -> Result<(StatusCode, String), Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header(name, value).body(Body::from(text))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8(body.to_vec())?))
}

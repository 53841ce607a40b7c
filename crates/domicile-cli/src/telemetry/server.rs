//! Metrics and health over HTTP: `/metrics`, `/health` and `/ready`.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep};

use super::metrics::{CONTENT_TYPE as OPEN_METRICS, Metrics};

/// So many connections are open at once; more wait.
const CONNECTIONS: usize = 32;

/// A connection is closed after so long, so that those who say nothing do not keep others out.
const CONNECTED: Duration = Duration::from_secs(60);

/// Serves until it is dropped. It answers on the thread that homes are waited for on, so an answer also says that this one
/// is not stuck.
pub(super) struct Server {
    /// What was asked for; the port may be 0 there.
    pub(super) asked: SocketAddr,
    /// Where it is.
    pub(super) address: SocketAddr,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    /// # Errors
    ///
    /// If nobody can listen there.
    pub(super) async fn start(asked: SocketAddr, metrics: Arc<Metrics>) -> io::Result<Self> {
        let listener = TcpListener::bind(asked).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/metrics", get(serve_metrics))
            .route("/health", get(serve_health))
            .route("/ready", get(serve_ready))
            .with_state(metrics);
        let bounded = Bounded { listener, room: Arc::new(Semaphore::new(CONNECTIONS)) };
        let serving = tokio::spawn(async move { axum::serve(bounded, router).await });
        Ok(Self { asked, address, serving })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve_metrics(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPEN_METRICS)], metrics.text())
}

async fn serve_health() -> impl IntoResponse {
    json(StatusCode::OK, &serde_json::json!({ "healthy": true }))
}

async fn serve_ready(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    match metrics.ready() {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({ "ready": true })),
        Err(why) => json(StatusCode::SERVICE_UNAVAILABLE, &serde_json::json!({ "ready": false, "reason": why })),
    }
}

fn json(status: StatusCode, body: &serde_json::Value) -> impl IntoResponse + use<> {
    (status, [(CONTENT_TYPE, "application/json")], format!("{body}\n"))
}

/// Accepts as many connections as there is room for.
struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let room = Arc::clone(&self.room).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, from) = Listener::accept(&mut self.listener).await;
        (Connection { stream, end: Box::pin(sleep(CONNECTED)), _room: room }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that takes up room until its end.
struct Connection {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _room: OwnedSemaphorePermit,
}

impl Connection {
    /// An error once it has been open for too long.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.end.as_mut().poll(context).is_ready() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

//! A [`tower`](https://docs.rs/tower) layer that fills the context from an HTTP request (feature `tower`).
//!
//! The request's own facts (a tenant in a header, a country in the path) are set once, in front of the handlers, and
//! every call below them is routed by these. What was set before the layer was asked is not inherited, and nothing is
//! left behind: not by a handler that panics, nor by a client that goes away in the middle of a streamed response.

use std::pin::Pin;
use std::task::{Context as Wakeup, Poll, ready};

use http::request::Parts;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::Context;
use crate::context::Scoped;

/// Runs each request in a context of its own, which a function makes of the request's head.
///
/// The service's future and the body of its response see that context. A request of which the function makes an empty
/// context is served with nothing set, and what is routed then is refused: there is no default.
///
/// ```
/// use domicile::tower::ContextLayer;
/// use domicile::{Context, Origin, RoutingKey, context};
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let service = ServiceBuilder::new()
///     .layer(ContextLayer::new(|head: &http::request::Parts| {
///         let tenant = head.headers.get("x-tenant").and_then(|value| value.to_str().ok());
///         let set = |tenant| Context::empty().and_from(RoutingKey::new(tenant), Origin::told("header X-Tenant"));
///         tenant.map_or(Context::empty(), set)
///     }))
///     .service_fn(|_: Request<()>| async {
///         let tenant = context::get::<RoutingKey>().map(|key| key.to_string());
///         Ok::<_, std::convert::Infallible>(Response::new(format!("{tenant:?}")))
///     });
///
/// let request = Request::builder().header("x-tenant", "acme").body(()).unwrap();
/// let response = service.oneshot(request).await.unwrap();
/// assert_eq!(response.into_body().into_inner().unwrap(), "Some(\"acme\")");
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ContextLayer<F> {
    context_of: F,
}

impl<F: Fn(&Parts) -> Context> ContextLayer<F> {
    /// Makes a layer of the function that makes a context of the head of a request.
    ///
    /// ```
    /// use domicile::Context;
    /// use domicile::tower::ContextLayer;
    ///
    /// let layer = ContextLayer::new(|head: &http::request::Parts| Context::empty().and(head.method.clone()));
    /// # let _ = layer;
    /// ```
    pub fn new(context_of: F) -> Self {
        Self { context_of }
    }
}

impl<S, F: Clone> Layer<S> for ContextLayer<F> {
    type Service = ContextService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService { inner, context_of: self.context_of.clone() }
    }
}

/// A service whose requests each run in a context of their own; made by [`ContextLayer`].
///
/// ```
/// use std::convert::Infallible;
///
/// use domicile::tower::{ContextLayer, ContextService};
/// use domicile::{Context, RoutingKey, context};
/// use http::{Request, Response};
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let layer = ContextLayer::new(|head: &http::request::Parts| {
///     Context::empty().and(RoutingKey::new(head.uri.path().trim_start_matches('/')))
/// });
/// let handler = service_fn(|_: Request<()>| async {
///     Ok::<_, Infallible>(Response::new(context::get::<RoutingKey>().map(|key| key.to_string())))
/// });
///
/// // One service for all requests, of which none sees the context of another.
/// let mut service: ContextService<_, _> = layer.layer(handler);
/// for country in ["ES", "FR"] {
///     let request = Request::builder().uri(format!("/{country}")).body(()).unwrap();
///     let response = service.ready().await.unwrap().call(request).await.unwrap();
///     assert_eq!(response.into_body().into_inner().unwrap().as_deref(), Some(country));
/// }
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ContextService<S, F> {
    inner: S,
    context_of: F,
}

impl<S, F, Q, R> Service<Request<Q>> for ContextService<S, F>
where
    S: Service<Request<Q>, Response = Response<R>>,
    F: Fn(&Parts) -> Context,
{
    type Response = Response<ScopedBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, wakeup: &mut Wakeup<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(wakeup)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let (head, body) = request.into_parts();
        let context = (self.context_of)(&head);
        let request = Request::from_parts(head, body);
        // Handlers may look at the context before they make their future.
        let response = context.run(|| self.inner.call(request));
        ResponseFuture { response: context.clone().scope(response), context }
    }
}

pin_project! {
    /// The future of a [`ContextService`].
    ///
    /// It keeps the context of its request, wherever it is polled, and takes nothing of what is set there.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use domicile::tower::ContextLayer;
    /// use domicile::{Context, RoutingKey, context};
    /// use http::{Request, Response};
    /// use tower::{Layer, Service, service_fn};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let layer = ContextLayer::new(|_: &http::request::Parts| Context::empty().and(RoutingKey::new("ES")));
    /// let mut service = layer.layer(service_fn(|_: Request<()>| async {
    ///     Ok::<_, Infallible>(Response::new(context::get::<RoutingKey>().map(|key| key.to_string())))
    /// }));
    /// let response = service.call(Request::new(()));
    /// let response = context::scope(RoutingKey::new("FR"), response).await.unwrap();
    /// assert_eq!(response.into_body().into_inner().unwrap().as_deref(), Some("ES"));
    /// # });
    /// ```
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct ResponseFuture<F> {
        #[pin]
        response: Scoped<F>,
        context: Context,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ScopedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, wakeup: &mut Wakeup<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(wakeup));
        Poll::Ready(response.map(|response| {
            let context = this.context.clone();
            response.map(|body| ScopedBody { body: Scoped::new(context, body) })
        }))
    }
}

pin_project! {
    /// The body of a response, each of whose frames is made in the context of its request.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use domicile::tower::ContextLayer;
    /// use domicile::{Context, RoutingKey, context};
    /// use futures::stream;
    /// use http::{Request, Response};
    /// use http_body::Frame;
    /// use http_body_util::{BodyExt, StreamBody};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let layer = ContextLayer::new(|_: &http::request::Parts| Context::empty().and(RoutingKey::new("ES")));
    /// let service = layer.layer(service_fn(|_: Request<()>| async {
    ///     // The rows of a table, say, which are read while they are sent.
    ///     let rows = stream::once(async {
    ///         let key = context::get::<RoutingKey>().expect("it is set while a frame is made");
    ///         Ok::<_, Infallible>(Frame::data(std::io::Cursor::new(format!("the orders of {key}"))))
    ///     });
    ///     Ok::<_, Infallible>(Response::new(StreamBody::new(rows)))
    /// }));
    ///
    /// let response = service.oneshot(Request::new(())).await.unwrap();
    /// assert!(context::get::<RoutingKey>().is_none());
    /// let body = response.into_body().collect().await.unwrap();
    /// assert_eq!(body.to_bytes(), "the orders of ES");
    /// # });
    /// ```
    pub struct ScopedBody<B> {
        #[pin]
        body: Scoped<B>,
    }
}

impl<B> ScopedBody<B> {
    /// Returns the body without its context, or `None` if it has ended.
    ///
    /// ```
    /// # use domicile::{Context, tower::ContextLayer};
    /// # use http::{Request, Response};
    /// # use tower::{ServiceBuilder, ServiceExt};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let service = ServiceBuilder::new()
    ///     .layer(ContextLayer::new(|_: &http::request::Parts| Context::empty()))
    ///     .service_fn(|_: Request<()>| async { Ok::<_, std::convert::Infallible>(Response::new("whole")) });
    /// let response = service.oneshot(Request::new(())).await.unwrap();
    /// assert_eq!(response.into_body().into_inner(), Some("whole"));
    /// # });
    /// ```
    pub fn into_inner(self) -> Option<B>
    where
        B: Unpin,
    {
        self.body.into_inner()
    }
}

impl<B: Body> Body for ScopedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, wakeup: &mut Wakeup<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_item(|body| body.poll_frame(wakeup))
    }

    fn is_end_stream(&self) -> bool {
        self.body.inner().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.inner().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

//! The layer for services of tower: each request in a context of its own, and nothing left behind.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use domicile::tower::ContextLayer;
use domicile::{Context, context};
use futures::executor::block_on;
use futures::{FutureExt, StreamExt, future, stream};
use http::request::Parts;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::values::{Country, LastWords, Pause, country, poll_once};

/// The country of the path: `/ES` is of Spain. Of another path nothing is known.
fn of_path(head: &Parts) -> Context {
    match head.uri.path() {
        "/ES" => Context::empty().and(Country("ES")),
        "/FR" => Context::empty().and(Country("FR")),
        _ => Context::empty(),
    }
}

fn request(path: &str) -> Request<()> {
    Request::builder().uri(path).body(()).unwrap()
}

type Seen = Arc<Mutex<Vec<Option<&'static str>>>>;

/// A service that notes what it sees: when it is called, and twice in its future.
fn noting(
    seen: &Seen,
) -> impl Service<Request<()>, Response = Response<Empty<&'static [u8]>>, Error = Infallible> + use<> {
    let seen = Arc::clone(seen);
    service_fn(move |_: Request<()>| {
        seen.lock().unwrap().push(country());
        let seen = Arc::clone(&seen);
        async move {
            seen.lock().unwrap().push(country());
            Pause::default().await;
            seen.lock().unwrap().push(country());
            Ok(Response::new(Empty::new()))
        }
    })
}

#[test]
fn a_request_is_served_in_the_context_that_its_head_makes() {
    let seen = Seen::default();
    let mut service = ServiceBuilder::new().layer(ContextLayer::new(of_path)).service(noting(&seen));
    let mut serve = |path| {
        let mut response = Box::pin(service.call(request(path)));
        while poll_once(&mut response).is_pending() {}
        std::mem::take(&mut *seen.lock().unwrap())
    };
    assert_eq!(serve("/ES"), [Some("ES"); 3]);
    assert_eq!(serve("/elsewhere"), [None; 3]);
    // What is in scope where the service is called is no concern of the request's.
    context::with(Country("FR"), || {
        assert_eq!((serve("/elsewhere"), serve("/ES")), (vec![None; 3], vec![Some("ES"); 3]))
    });
    assert_eq!(country(), None);
}

#[test]
fn requests_that_take_turns_do_not_see_each_other() {
    let seen = Seen::default();
    let mut service = ServiceBuilder::new().layer(ContextLayer::new(of_path)).service(noting(&seen));
    let (mut spanish, mut french) = (Box::pin(service.call(request("/ES"))), Box::pin(service.call(request("/FR"))));
    for _ in 0..2 {
        let _ = (poll_once(&mut spanish), poll_once(&mut french));
        assert_eq!(country(), None);
    }
    let (es, fr) = (Some("ES"), Some("FR"));
    assert_eq!(*seen.lock().unwrap(), [es, fr, es, fr, es, fr]);
}

#[test]
fn without_the_layer_a_service_sees_what_is_there() {
    let seen = Seen::default();
    let mut service = noting(&seen);
    let mut response = Box::pin(context::with(Country("FR"), || service.call(request("/ES"))));
    while poll_once(&mut response).is_pending() {}
    assert_eq!(*seen.lock().unwrap(), [Some("FR"), None, None]);
}

#[test]
fn a_handler_that_panics_leaves_nothing_behind() {
    let handler = service_fn(|request: Request<()>| async move {
        assert_ne!(request.uri().path(), "/ES", "as planned, in {:?}", country());
        Ok::<_, Infallible>(Response::new(Full::new(country().unwrap_or("nowhere").as_bytes())))
    });
    let service = ServiceBuilder::new().layer(ContextLayer::new(of_path)).service(handler);
    let serve = |path| block_on(AssertUnwindSafe(service.oneshot(request(path))).catch_unwind());
    assert!(serve("/ES").err().unwrap().downcast_ref::<String>().unwrap().contains("as planned, in Some(\"ES\")"));
    assert_eq!(country(), None);
    for (path, expected) in [("/FR", "FR"), ("/elsewhere", "nowhere")] {
        let body = block_on(serve(path).ok().unwrap().unwrap().into_body().collect()).unwrap();
        assert_eq!(body.to_bytes(), expected);
    }
}

/// A body of three frames that are made when they are asked for, each of the country in scope then; it writes down what
/// is in scope when it is dropped.
fn streaming(words: &Seen) -> impl Body<Data = &'static [u8], Error = Infallible> + use<> {
    let last = LastWords(Arc::clone(words));
    let frames = stream::iter(0..3).map(move |_| {
        let _kept_until_the_end = &last;
        Ok(Frame::data(country().unwrap_or("nowhere").as_bytes()))
    });
    StreamBody::new(frames)
}

#[test]
fn a_streamed_body_keeps_the_context_of_its_request_to_the_last() {
    let words = Seen::default();
    let bodies = Arc::clone(&words);
    let handler = service_fn(move |_: Request<()>| future::ok::<_, Infallible>(Response::new(streaming(&bodies))));
    let service = ServiceBuilder::new().layer(ContextLayer::new(of_path)).service(handler);
    let body = |path| Box::pin(block_on(service.clone().oneshot(request(path))).unwrap().into_body());

    let whole = context::with(Country("FR"), || block_on(body("/ES").collect()).unwrap().to_bytes());
    assert_eq!(whole, "ESESES");
    // The client goes away after the first frame.
    let mut left = body("/ES");
    let frame = block_on(left.frame()).unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), b"ES");
    assert!(!left.is_end_stream() && left.size_hint().exact().is_none());
    drop(left);
    assert_eq!(*words.lock().unwrap(), [Some("ES"), Some("ES")], "what it holds is dropped in its context");
    assert_eq!(country(), None);
    let mut body = body("/elsewhere");
    let ended = block_on(async {
        while body.frame().await.is_some() {}
        (body.is_end_stream(), body.size_hint().exact(), body.frame().await.is_none())
    });
    assert_eq!(ended, (true, Some(0), true), "it stays at its end");
}

#[test]
fn a_client_that_goes_away_before_the_response_leaves_nothing_behind() {
    let words = Seen::default();
    let last = Arc::clone(&words);
    let handler = service_fn(move |_: Request<()>| {
        let last = LastWords(Arc::clone(&last));
        async move {
            let _kept_until_the_end = last;
            future::pending::<()>().await;
            Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))
        }
    });
    let mut service = ServiceBuilder::new().layer(ContextLayer::new(of_path)).service(handler);
    let mut response = Box::pin(service.call(request("/ES")));
    assert!(poll_once(&mut response).is_pending());
    drop(response);
    assert_eq!(*words.lock().unwrap(), [Some("ES")]);
    assert_eq!(country(), None);
}

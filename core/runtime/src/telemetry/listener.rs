//! `/livez`, `/readyz`, `/startupz` and `/metrics`: a small HTTP listener on a thread of its own.
//!
//! Its own thread and its own runtime, so that handlers which block every worker can't keep a supervisor from its answer, and so that
//! whoever talks to this port can't slow a handler down.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::health::{Answer, Health};
use super::pulse::Watch;

/// Connections served at once; further ones are closed at once, which costs a supervisor less than waiting.
const CONNECTIONS: usize = 32;
/// How long a client may take to send its request…
const HEAD: Duration = Duration::from_secs(3);
/// …and to have been answered.
const WHOLE: Duration = Duration::from_secs(10);
/// The largest request head. The least that hyper allows.
const BUFFER: usize = 8 << 10;
/// Time between two looks at the threads.
const TICK: Duration = Duration::from_secs(1);

const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Asks the driver for a beat.
pub(crate) type Ask = Box<dyn Fn() + Send>;

/// Serves until it is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Listener {
    /// Takes the port and begins to answer.
    ///
    /// # Errors
    /// What is wrong, with the cure, when the port can't be had.
    pub(crate) fn start(address: SocketAddr, health: Arc<Health>, ask: Ask) -> Result<Self, String> {
        Self::with_tick(address, health, ask, TICK)
    }

    fn with_tick(address: SocketAddr, health: Arc<Health>, ask: Ask, tick: Duration) -> Result<Self, String> {
        let why = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AddrInUse => format!("{address} is in use by another program; choose another port, or stop that program"),
            std::io::ErrorKind::PermissionDenied => format!("this user may not listen on {address}; choose a port above 1023"),
            std::io::ErrorKind::AddrNotAvailable => format!("{address} is no address of this host; 0.0.0.0 stands for all of them"),
            _ => format!("can't listen on {address}: {error}"),
        };
        let socket = StdListener::bind(address).map_err(why)?;
        socket.set_nonblocking(true).map_err(why)?;
        let address = socket.local_addr().map_err(why)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("the health listener can't be started: {error}; raise the limits of this process"))?;
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("onceward-health".to_owned())
            .spawn(move || runtime.block_on(run(socket, health, ask, tick, ended)))
            .map_err(|error| format!("the health thread can't be started: {error}; raise the limit of threads"))?;
        tracing::info!(target: "onceward", %address, "health and metrics are served here");
        Ok(Self { address, end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Dropping the sender ends the thread; connections that are open go with its runtime.
        drop(self.end.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(address = %self.address, "the health thread panicked");
        }
    }
}

async fn run(socket: StdListener, health: Arc<Health>, ask: Ask, tick: Duration, ended: oneshot::Receiver<()>) {
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(target: "onceward", %error, "health and metrics are not served");
            return;
        }
    };
    tokio::select! {
        () = accept(socket, Arc::clone(&health)) => {}
        () = watch(&health, &ask, tick) => {}
        _ = ended => {}
    }
}

/// The stuck detector.
async fn watch(health: &Health, ask: &Ask, tick: Duration) {
    let (mut driver, mut poll, mut handlers) = (Watch::default(), Watch::default(), Watch::default());
    let mut idle = 0;
    let mut ticks = interval(tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let missed = driver.tick(&health.driver);
        health.missed(missed, poll.tick(&health.poll), handlers.look(health.handled(&mut idle)));
        // One question at a time: a driver that does not answer must not find a heap of them.
        if missed <= 1 {
            ask();
        }
    }
}

async fn accept(socket: TcpListener, health: Arc<Health>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            // Out of file handles, most likely: at once it would fail again, and burn the processor.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let health = Arc::clone(&health);
        tokio::spawn(async move {
            // A client that goes away, or talks nonsense, is its own affair.
            drop(timeout(WHOLE, serve(stream, health)).await);
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, health: Arc<Health>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(request.method(), request.uri().path(), &health);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(target: "onceward", %error, "a client of the health listener was not served");
    }
}

fn respond(method: &Method, path: &str, health: &Health) -> Response<String> {
    if method != Method::GET && method != Method::HEAD {
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/livez" => answer(&health.live()),
        "/readyz" => answer(&health.ready()),
        "/startupz" => answer(&health.started()),
        "/metrics" => response(StatusCode::OK, OPEN_METRICS, health.metrics().prometheus()),
        _ => response(StatusCode::NOT_FOUND, TEXT, "here are /livez, /readyz, /startupz and /metrics\n".to_owned()),
    }
}

fn answer(answer: &Answer) -> Response<String> {
    let status = if answer.ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // The document holds nothing that JSON can't say; the status is the answer even without a body.
    response(status, JSON, serde_json::to_string(answer).unwrap_or_default())
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;

//! Connections: how many, how long, and how they end.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::api::{self, App};
use crate::stderr;

/// The most connections at once; others wait until one ends.
const MAX_CONNECTIONS: usize = 1024;
/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// The longest that a connection may take to send the head of a request, or be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long answers say that the connection ends, before idle connections are closed: whoever sends a request in that moment is
/// answered.
const FAREWELL: Duration = Duration::from_millis(200);

/// Serves until a signal comes, then answers what has been taken on.
pub async fn serve(listener: std::net::TcpListener, app: Arc<App>, mut signals: Signals) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let connections = GracefulShutdown::new();
    let router = api::router(Arc::clone(&app));
    let head_timeout = HEAD_TIMEOUT.min(app.limits.timeout);
    let stop = async {
        signals.recv().await;
        app.say_farewell();
        sleep(FAREWELL).await;
    };
    until(stop, accept(listener, &connections, &router, head_timeout)).await;

    // Whoever asks a second time does not want to wait.
    tokio::spawn(async move {
        signals.recv().await;
        std::process::exit(1);
    });
    let patience = app.limits.timeout + Duration::from_secs(1);
    if timeout(patience, connections.shutdown()).await.is_err() {
        stderr::warn("connections that did not take their answers were cut");
    }
    Ok(())
}

/// Takes on connections without end.
async fn accept(listener: TcpListener, connections: &GracefulShutdown, router: &Router, head_timeout: Duration) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let place = Arc::clone(&places).acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, or a client that has gone.
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let connection = connections.watch(http(stream, router.clone(), head_timeout));
        tokio::spawn(async move {
            // A client that breaks off is no failure of the server's.
            let _ = connection.await;
            drop(place);
        });
    }
}

type Connection = http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

fn http(stream: TcpStream, router: Router, head_timeout: Duration) -> Connection {
    // An answer that waits for the next packet is late, not wrong.
    let _ = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}

/// Does `work` until `end` is reached.
async fn until(end: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    let (mut end, mut work) = (pin!(end), pin!(work));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => end.as_mut().poll(context),
    })
    .await;
}

/// The signals that stop the server: Ctrl-C, and on Unix SIGTERM.
#[cfg(unix)]
pub struct Signals([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl Signals {
    /// Catches them from now on.
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]))
    }

    /// Waits for one.
    pub async fn recv(&mut self) {
        poll_fn(|context| {
            let came = self.0.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if came { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// The signals that stop the server: Ctrl-C, and on Unix SIGTERM.
#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Catches them from now on.
    pub fn new() -> io::Result<Self> {
        Ok(Signals)
    }

    /// Waits for one.
    pub async fn recv(&mut self) {
        // Where it cannot be caught, it ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

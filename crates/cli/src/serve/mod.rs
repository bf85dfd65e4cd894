//! `convoy serve`: what pictures show, over HTTP, with a page for people.
//!
//! A request's picture is decoded on a thread of its own and joins the queue of its model. The threads of the [`batcher`] take what waits
//! whenever they are free, so the more requests there are, the larger the batches may become.

mod api;
mod batcher;
mod body;
mod cam;
mod failure;
mod metrics;
mod network;
mod pace;
mod page;
mod served;
mod server;

use std::io::Write;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tensor::Device;

use crate::args::ServeArgs;
use crate::stderr;

/// Serves until it is told to stop, by a signal; then answers what it has taken on.
pub fn run(args: &ServeArgs, device: Device, out: &mut dyn Write) -> anyhow::Result<()> {
    let threads = NonZeroUsize::new(rayon::current_num_threads()).unwrap_or(NonZeroUsize::MIN);
    let (models, batcher) = served::load(args, device, threads)?;
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let names = names.join(", ");
    let app = Arc::new(api::App::new(models, args));

    let listener = TcpListener::bind(args.address()).with_context(|| format!("cannot listen on {} (--host, --port)", args.address()));
    // One line, so the cause goes into it.
    let listener = listener.map_err(|error| anyhow!("{error:#}"))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(threads.get().max(2)).build()?;
    runtime.block_on(async {
        let signals = server::Signals::new()?;
        writeln!(out, "serving {names} on http://{address}")?;
        out.flush()?;
        server::serve(listener, Arc::clone(&app), signals).await
    })?;
    // The batcher ends when nobody can ask it any more.
    drop(runtime);
    let answered = app.metrics.total();
    drop(app);
    batcher.join();
    stderr::note(&format!("stopped after {answered} requests"));
    Ok(())
}

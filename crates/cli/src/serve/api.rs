//! What is at which address, and how pictures are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use datasets::Image;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tensor::Tensor;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::batcher::{Job, Place};
use super::body;
use super::cam::{Area, View};
use super::failure::Failure;
use super::metrics::Metrics;
use super::page;
use super::served::Served;
use crate::args::ServeArgs;
use crate::classifier::{Class, picture_size};
use crate::input::prepare;

const PREDICT: &str = "/v1/predict";
/// The classes of an answer that asks for no number.
const TOP: usize = 5;
const JSON: (axum::http::HeaderName, &str) = (CONTENT_TYPE, "application/json");

/// What all requests share.
pub struct App {
    models: Vec<Arc<Served>>,
    /// What requests may ask for.
    pub limits: Limits,
    /// What has been done.
    pub metrics: Metrics,
    leaving: AtomicBool,
}

/// What requests may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    max_body: usize,
    max_pixels: usize,
    /// The longest that an answer may take.
    pub timeout: Duration,
}

impl App {
    /// A server of models.
    pub fn new(models: Vec<Arc<Served>>, args: &ServeArgs) -> Self {
        let limits = Limits { max_body: args.max_body_bytes(), max_pixels: args.max_picture_pixels(), timeout: args.timeout() };
        App { models, limits, metrics: Metrics::default(), leaving: AtomicBool::new(false) }
    }

    /// From now on, every answer is the last of its connection.
    pub fn say_farewell(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// The model of a name; the first where none is given.
    fn model(&self, name: Option<&str>) -> Result<&Arc<Served>, Failure> {
        let found = self.models.iter().find(|model| name.is_none_or(|name| model.name == name));
        found.ok_or_else(|| {
            let names: Vec<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
            let message = format!("no model {}: this server has {}", name.unwrap_or_default(), names.join(", "));
            Failure::new(StatusCode::NOT_FOUND, "unknown_model", message)
        })
    }
}

/// What is at each address.
fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let api = [
        (PREDICT, post(predict)),
        ("/v1/models", get(models)),
        ("/healthz", get(async || "ok\n")),
        ("/metrics", get(metrics)),
        ("/openapi.json", get(async || ([JSON], include_str!("openapi.json")))),
    ];
    let files = page::FILES.map(|(path, kind, text)| (path, get(async move || ([(CONTENT_TYPE, kind)], text))));
    api.into_iter().chain(files).collect()
}

/// Answers requests.
pub fn router(app: Arc<App>) -> Router {
    let paths: Vec<&str> = routes().iter().map(|(path, _)| *path).collect();
    let known = move |path: &str| paths.iter().copied().find(|known| *known == path).unwrap_or("other");
    let observe = {
        let app = Arc::clone(&app);
        move |request: Request, next: Next| {
            let (app, path) = (Arc::clone(&app), known(request.uri().path()));
            observe(app, path, request, next)
        }
    };
    let router = routes().into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    router
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here: see /openapi.json"))
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address takes another method: see /openapi.json")
        })
        // The body has been limited when a form is read.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(observe))
        .with_state(app)
}

/// Counts a request, and adds what every answer has.
async fn observe(app: Arc<App>, path: &'static str, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let mut response = next.run(request).await;
    page::protect(response.headers_mut());
    if app.leaving.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    app.metrics.answered(path, response.status().as_u16());
    if path == PREDICT {
        app.metrics.predicted(start.elapsed());
    }
    response
}

/// What may stand behind the question mark of a request for a prediction.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    model: Option<String>,
    top: Option<usize>,
    #[serde(default)]
    cam: Flag,
}

#[derive(Default, Clone, Copy, PartialEq, Deserialize)]
enum Flag {
    #[default]
    #[serde(rename = "0", alias = "false")]
    Off,
    #[serde(rename = "1", alias = "true")]
    On,
}

/// The answer to a picture.
#[derive(Serialize)]
struct Answer<'a> {
    model: &'a str,
    picture: Size,
    top: Vec<Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cam: Option<Cam>,
}

/// In pixels.
#[derive(Serialize, Clone, Copy)]
struct Size {
    width: usize,
    height: usize,
}

/// Where the most probable class is seen.
#[derive(Serialize)]
struct Cam {
    label: String,
    /// A `data:` address.
    image: String,
    /// Where in the picture it belongs.
    area: Area,
}

/// A picture that waits for the network.
struct Decoded {
    size: Size,
    /// What a heat map is drawn over, where one is asked for.
    view: Option<View>,
}

/// What a picture shows.
async fn predict(State(app): State<Arc<App>>, query: Result<Query<Options>, QueryRejection>, request: Request) -> Response {
    let deadline = Instant::now() + app.limits.timeout;
    let (parts, body) = request.into_parts();
    let admitted = admit(&app, query, &parts.headers);
    let (model, task, place) = match admitted {
        Ok(admitted) => admitted,
        Err(failure) => {
            body::discard(body).await;
            return failure.into_response();
        }
    };
    let seconds = app.limits.timeout.as_secs();
    let late = |status, code, what| Failure::new(status, code, format!("{what} took longer than {seconds} s (--timeout)"));
    let answer = async {
        let picture = timeout_at(deadline, body::picture(parts, body, app.limits.max_body))
            .await
            .map_err(|_| late(StatusCode::REQUEST_TIMEOUT, "request_timeout", "sending the request"))??;
        timeout_at(deadline, answer(model, picture, task, place))
            .await
            .map_err(|_| late(StatusCode::GATEWAY_TIMEOUT, "timeout", "the answer"))?
    };
    match answer.await {
        Ok(text) => ([JSON], text).into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// What is to be done with a picture.
#[derive(Clone, Copy)]
struct Task {
    top_k: usize,
    cam: bool,
    max_pixels: usize,
}

/// Finds what a request asks for, and a place for it, before its picture is read.
fn admit<'a>(
    app: &'a App,
    query: Result<Query<Options>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<(&'a Arc<Served>, Task, Place), Failure> {
    // A page of another site may not use the server of whoever looks at it. Browsers say so, other programs say nothing.
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Failure::new(StatusCode::FORBIDDEN, "other_site", "pages of other sites may not ask this server"));
    }
    let Query(options) = query.map_err(|error| Failure::bad_request("bad_query", error.body_text()))?;
    let model = app.model(options.model.as_deref())?;
    let classes = model.classifier.model.num_classes();
    let top_k = options.top.unwrap_or(TOP.min(classes));
    if !(1..=classes).contains(&top_k) {
        return Err(Failure::bad_request("bad_query", format!("top is {top_k}: {} has 1 to {classes} classes to list", model.name)));
    }
    let task = Task { top_k, cam: options.cam == Flag::On, max_pixels: app.limits.max_pixels };
    Ok((model, task, model.queue.enter()?))
}

/// The answer to a picture as JSON.
async fn answer(model: &Arc<Served>, picture: Bytes, task: Task, place: Place) -> Result<String, Failure> {
    let (reply, seen) = oneshot::channel();
    let decoding = {
        let (model, announced) = (Arc::clone(model), model.queue.announce());
        spawn_blocking(move || {
            let (decoded, input) = decode(&model, &picture, task)?;
            announced.put(Job { input, top_k: task.top_k, cam: task.cam, reply, place });
            Ok::<_, Failure>(decoded)
        })
    };
    let Decoded { size, view } = decoding.await.map_err(|_| Failure::internal())??;
    let seen = seen.await.map_err(|_| Failure::internal())??;
    let top = model.classifier.named(seen.top);
    let cam = match (view, seen.heat) {
        (Some(view), Some(heat)) => {
            let (image, area) = spawn_blocking(move || view.under(&heat)).await.map_err(|_| Failure::internal())??;
            Some(Cam { label: top.first().map_or_else(String::new, |best| best.label.clone()), image, area })
        }
        _ => None,
    };
    serde_json::to_string(&Answer { model: &model.name, picture: size, top, cam }).map_err(|_| Failure::internal())
}

/// The picture of a file, as its model takes it.
fn decode(model: &Served, file: &[u8], task: Task) -> train::Result<(Decoded, Tensor)> {
    let image = Image::decode_within(file, task.max_pixels)?;
    let size = Size { width: image.width(), height: image.height() };
    let view = if task.cam { Some(View::of(&image, &model.classifier.preset)?) } else { None };
    Ok((Decoded { size, view }, prepare(&model.transform, image)?))
}

/// The models, and what may be asked of them.
async fn models(State(app): State<Arc<App>>) -> impl IntoResponse {
    let Limits { max_body, max_pixels, timeout } = app.limits;
    let model = |model: &Arc<Served>| {
        let network = &model.classifier.model;
        let input = picture_size(&model.classifier.preset).map(|(height, width)| Size { width, height });
        json!({ "name": model.name, "arch": network.arch(), "classes": network.num_classes(), "input": input })
    };
    let models: Vec<_> = app.models.iter().map(model).collect();
    let limits = json!({ "body_bytes": max_body, "picture_pixels": max_pixels, "timeout_seconds": timeout.as_secs() });
    ([JSON], json!({ "models": models, "limits": limits }).to_string())
}

/// What has been done.
async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Failure> {
    let models: Vec<_> = app.models.iter().map(|model| (model.name.as_str(), &*model.metrics)).collect();
    let text = app.metrics.text(&models).map_err(|_| Failure::internal())?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_description_names_every_address_of_the_api_and_no_other() {
        let description: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
        let described: Vec<&str> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let is_file = |path: &str| page::FILES.iter().any(|(file, ..)| *file == path);
        let mut served: Vec<&str> = routes().iter().map(|(path, _)| *path).filter(|path| !is_file(path)).collect();
        served.sort_unstable();
        assert_eq!(described, served);
    }
}

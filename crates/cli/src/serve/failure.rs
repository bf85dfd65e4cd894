//! Why a request has no answer, as its sender is told.

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A reason, with what programs go by.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The status of the answer.
    status: StatusCode,
    /// A name that stays the same.
    code: &'static str,
    /// One sentence for people.
    message: Cow<'static, str>,
}

impl Failure {
    /// A reason of a kind that has no function of its own.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Failure { status, code, message: message.into() }
    }

    /// The request makes no sense.
    pub fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// As many requests as may wait do so.
    pub fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many requests are waiting: try again in a moment")
    }

    /// Something that does not happen.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request was dropped: the server is damaged or shutting down")
    }

    /// A request is longer than `limit` bytes.
    pub fn body_too_large(limit: usize) -> Self {
        let message = format!("the request is longer than {} MiB, the limit of this server (--max-body)", limit >> 20);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    }
}

impl From<datasets::Error> for Failure {
    fn from(error: datasets::Error) -> Self {
        match error {
            datasets::Error::TooLarge { width, height, max_pixels, .. } => {
                let message = format!("the picture has {width} x {height} pixels: the limit of this server is {max_pixels} (--max-pixels)");
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "picture_too_large", message)
            }
            datasets::Error::Picture { reason, .. } => Self::bad_request("bad_picture", reason),
            error => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unfit_picture", error.to_string()),
        }
    }
}

impl From<train::Error> for Failure {
    fn from(error: train::Error) -> Self {
        match error {
            train::Error::Datasets(error) => error.into(),
            error @ train::Error::OutputNotFinite => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged_model", error.to_string()),
            error @ train::Error::NoSpatialMap { .. } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no_heat_map", error.to_string()),
            error => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unfit_picture", error.to_string()),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } }).to_string();
        let mut response = (self.status, [(CONTENT_TYPE, "application/json")], body).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

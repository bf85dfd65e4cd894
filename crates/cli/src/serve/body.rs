//! The picture in a request: its whole body, or the file of a form.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use super::failure::Failure;

/// How long the rest of a refused request is read, in order that its sender gets to read why.
const PATIENCE: Duration = Duration::from_secs(2);

/// The bytes of the picture in a request of at most `limit` bytes.
pub async fn picture(parts: Parts, mut body: Body, limit: usize) -> Result<Bytes, Failure> {
    let kind = match Kind::of(&parts.headers) {
        Ok(kind) => kind,
        Err(failure) => {
            discard(body).await;
            return Err(failure);
        }
    };
    let Some(bytes) = read(&parts.headers, &mut body, limit).await? else {
        discard(body).await;
        return Err(Failure::body_too_large(limit));
    };
    let picture = match kind {
        Kind::Raw => bytes,
        Kind::Form => file_of(Request::from_parts(parts, Body::from(bytes))).await?,
    };
    match picture.is_empty() {
        true => Err(Failure::bad_request("no_picture", "the request holds no picture")),
        false => Ok(picture),
    }
}

/// Reads and forgets what is left of a request, for a while.
pub async fn discard(mut body: Body) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = tokio::time::timeout(PATIENCE, rest).await;
}

/// How a request holds its picture.
enum Kind {
    Raw,
    Form,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let media = headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("unreadable"));
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "multipart/form-data" => Ok(Kind::Form),
            "" | "application/octet-stream" => Ok(Kind::Raw),
            media if media.starts_with("image/") => Ok(Kind::Raw),
            _ => {
                let message = "send a picture as multipart/form-data, or its bytes as image/* or application/octet-stream";
                Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message))
            }
        }
    }
}

/// All bytes of a body, or nothing where there are more than `limit`; what is announced as longer is not read.
async fn read(headers: &HeaderMap, body: &mut Body, limit: usize) -> Result<Option<Bytes>, Failure> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::bad_request("incomplete", "the request ended early"))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > limit {
                return Ok(None);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(Some(bytes.into()))
}

/// The one file of a form.
async fn file_of(form: Request) -> Result<Bytes, Failure> {
    let malformed = |reason: String| Failure::bad_request("malformed_form", reason);
    let mut form = Multipart::from_request(form, &()).await.map_err(|error| malformed(error.body_text()))?;
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(|error| malformed(error.body_text()))? {
        if field.file_name().is_none() && field.name() != Some("image") {
            continue;
        }
        let bytes = field.bytes().await.map_err(|error| malformed(error.body_text()))?;
        if file.replace(bytes).is_some() {
            return Err(malformed("the form holds several files: send one picture a request".to_owned()));
        }
    }
    file.ok_or_else(|| malformed("the form holds no file: send the picture as the field image".to_owned()))
}

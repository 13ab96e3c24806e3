//! Payloads: put, get.

use std::sync::Arc;

use kintsugi_entities::payloads::Stored;
use kintsugi_gateway_ops::{App, Problem, types::PayloadReference};
use kintsugi_gateway_payloads::{self as payloads, Put};
use kintsugi_reference::PayloadId;
use poem::{
    Body, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path},
    payload::{Binary, Json, Payload as _},
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
};

use super::{Shared, Tag, failure::failure};
use crate::body::{ContentBody, drain};

pub(crate) struct Payloads;

#[derive(ApiResponse)]
pub(crate) enum Stands {
    /// It is in the database.
    #[oai(status = 201)]
    Stored(
        Json<PayloadReference>,
        /// Where it is.
        #[oai(header = "Location")]
        String,
    ),
}

failure!(PutFailure:
    400 "The body broke off.",
    413 "The payload is too large.",
    415 "The content type is malformed.",
    422 "The content has another SHA-256 than was said, or the name is none.",
    503 "The store did not answer, or too many uploads are open.",
);
failure!(GetFailure:
    404 "There is no such payload.",
    503 "The store did not answer.",
);

/// The content of a payload, or that the client has it already.
pub(crate) struct Content {
    app: Arc<App>,
    stored: Stored,
    is_known: bool,
}

#[OpenApi]
impl Payloads {
    /// Put a payload
    ///
    /// The body is the content, as it is; the answer is what stands for it in inputs, outputs and events. The same
    /// content is stored once. What no run refers to is deleted a day after it was last put or asked for.
    #[oai(
        path = "/v1/payloads",
        method = "post",
        operation_id = "putPayload",
        tag = "Tag::Payloads"
    )]
    async fn post(&self, app: Shared<'_>, body: ContentBody) -> Result<Stands, PutFailure> {
        Ok(put(app.0, None, body).await?)
    }

    /// Put a payload under its name
    ///
    /// As the other way, and refused when the content has another SHA-256.
    #[oai(
        path = "/v1/payloads/:sha256",
        method = "put",
        operation_id = "putNamedPayload",
        tag = "Tag::Payloads"
    )]
    async fn put(
        &self,
        app: Shared<'_>,
        /// SHA-256 of the content: 64 hexadecimal digits in lower case.
        sha256: Path<String>,
        body: ContentBody,
    ) -> Result<Stands, PutFailure> {
        let id = PayloadId::parse(&sha256.0)
            .map_err(|error| Problem::unprocessable("invalid_payload_id", error.to_string()))?;
        Ok(put(app.0, Some(id), body).await?)
    }

    /// Get a payload
    ///
    /// Its content, with the media type that it was put with. It never changes.
    #[oai(
        path = "/v1/payloads/:sha256",
        method = "get",
        operation_id = "getPayload",
        tag = "Tag::Payloads"
    )]
    async fn get(
        &self,
        app: Shared<'_>,
        /// Its SHA-256.
        sha256: Path<String>,
        /// Entity tags that the client has.
        #[oai(name = "If-None-Match")]
        known: Header<Option<String>>,
    ) -> Result<Content, GetFailure> {
        let stored = payloads::get(app.0, &sha256.0).await?;
        let tag = etag(stored.id);
        let is_same = |known: &str| known.trim().trim_start_matches("W/") == tag || known == "*";
        let is_known = known.0.is_some_and(|known| known.split(',').any(is_same));
        Ok(Content { app: Arc::clone(app.0), stored, is_known })
    }
}

async fn put(app: &App, id: Option<PayloadId>, body: ContentBody) -> Result<Stands, Problem> {
    let ContentBody { mut content, media_type } = body;
    let put = payloads::put(app, &mut content, Put { id, media_type }).await;
    if put.as_ref().is_err_and(|problem| problem.status == 413 || problem.status == 503) {
        drain(&mut content).await;
    }
    let reference = put?;
    let location = format!("/v1/payloads/{}", reference.id);
    Ok(Stands::Stored(Json(reference.into()), location))
}

fn etag(id: PayloadId) -> String {
    format!("\"{id}\"")
}

impl ApiResponse for Content {
    fn meta() -> MetaResponses {
        let response = |status, description, content| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: Vec::new(),
        };
        let schema = Binary::<Vec<u8>>::schema_ref();
        let content = vec![MetaMediaType { content_type: "application/octet-stream", schema }];
        let responses = vec![
            response(200, "The content.", content),
            response(304, "The client has it.", Vec::new()),
        ];
        MetaResponses { responses }
    }

    fn register(_registry: &mut Registry) {}
}

impl poem::IntoResponse for Content {
    fn into_response(self) -> Response {
        let Self { app, stored, is_known } = self;
        let response = Response::builder()
            .header(header::ETAG, etag(stored.id))
            .header(header::CACHE_CONTROL, "private, max-age=31536000, immutable");
        if is_known {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        // Anyone's content under the dashboard's own name: it is saved, and never shown as a page of it.
        response
            .header(header::CONTENT_TYPE, &stored.media_type)
            .header(header::CONTENT_LENGTH, stored.bytes.to_string())
            .header(header::CONTENT_DISPOSITION, "attachment")
            .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox")
            .body(Body::from_bytes_stream(payloads::read(app, &stored)))
    }
}

//! Events: those that are sent to a run, and those that clients follow.

use kintsugi_gateway_ops::{
    self as ops,
    types::{HistoryEntry, LifeEvent, SignalRequest, Signalled},
};
use poem::{Response, web::sse::SSE};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use super::{Shared, Tag, failure::failure};
use crate::body::JsonBody;

pub(crate) struct Events;

/// A stream of history entries; or 204, which tells a client not to come back.
pub(crate) struct HistoryStream(Option<SSE>);

/// A stream of life events.
pub(crate) struct LifeStream(SSE);

failure!(StreamFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such run.",
    503 "Too many clients listen, or the store did not answer.",
);

#[derive(ApiResponse)]
pub(crate) enum Signal {
    /// The event is in the database.
    #[oai(status = 202)]
    Accepted(Json<Signalled>),
    /// The event was sent before; nothing was done.
    #[oai(status = 200)]
    Repeated(Json<Signalled>),
}

failure!(SignalFailure:
    400 "The body is no JSON.",
    404 "There is no such run.",
    409 "The run has ended.",
    413 "The event is too large.",
    415 "The content type is not taken.",
    422 "The body is JSON, but no event.",
    429 "The run keeps as many events as it may that it did not take.",
    503 "The store did not answer.",
);

#[OpenApi]
impl Events {
    /// Follow a run
    ///
    /// Server-sent events. `entry`: an entry of the history, with its `seq` as the event's id.
    /// `status`: where the run stands, whenever that changes. `end`: the run has ended and the
    /// stream ends with it; who comes back with the id of the last entry gets 204.
    #[oai(
        path = "/v1/runs/:id/events",
        method = "get",
        operation_id = "followRun",
        tag = "Tag::Events"
    )]
    async fn run(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        /// `seq` of the last entry that the client has.
        #[oai(name = "Last-Event-ID")]
        last: Header<Option<String>>,
        /// The same, for clients that cannot set the header.
        after: Query<Option<i64>>,
    ) -> Result<HistoryStream, StreamFailure> {
        let id = ops::run_id(&id.0)?;
        let after = ops::events::position(last.0.as_deref(), after.0)?;
        Ok(HistoryStream(ops::events::run(app.0, id, after).await?))
    }

    /// Send an event to a run
    ///
    /// Answered after the event is committed to the database. The run takes it when one of its
    /// `listen` tasks waits for it, now or later; a repeat with the same source and id changes
    /// nothing.
    #[oai(
        path = "/v1/runs/:id/events",
        method = "post",
        operation_id = "signalRun",
        tag = "Tag::Runs"
    )]
    async fn signal(
        &self,
        app: Shared<'_>,
        /// The run.
        id: Path<String>,
        body: JsonBody<SignalRequest>,
    ) -> Result<Signal, SignalFailure> {
        let run = ops::run_id(&id.0)?;
        let signalled = ops::signals::signal(app.0, &run, body.0.into_fields()).await?;
        Ok(if signalled.repeated {
            Signal::Repeated(Json(signalled))
        } else {
            Signal::Accepted(Json(signalled))
        })
    }

    /// Follow everything
    ///
    /// Server-sent events: `life`, each a `CloudEvent` about a run, from now on, or from the event on
    /// whose id is given. `lagged`: some were missed (`missed` says how many, where that is known),
    /// because the client was too slow or away for too long; read the lists again.
    #[oai(path = "/v1/events", method = "get", operation_id = "followAll", tag = "Tag::Events")]
    async fn all(
        &self,
        app: Shared<'_>,
        /// Id of the last event that the client has.
        #[oai(name = "Last-Event-ID")]
        last: Header<Option<String>>,
    ) -> Result<LifeStream, StreamFailure> {
        Ok(LifeStream(ops::events::all(app.0, last.0.as_deref()).await?))
    }
}

fn stream_meta<T: Type>(description: &'static str) -> MetaResponse {
    MetaResponse {
        description,
        status: Some(200),
        status_range: None,
        content: vec![MetaMediaType { content_type: "text/event-stream", schema: T::schema_ref() }],
        headers: Vec::new(),
    }
}

impl ApiResponse for HistoryStream {
    fn meta() -> MetaResponses {
        let over = MetaResponse {
            description: "The run has ended, and the client has its whole history.",
            status: Some(204),
            status_range: None,
            content: Vec::new(),
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![stream_meta::<HistoryEntry>("The stream."), over] }
    }

    fn register(registry: &mut Registry) {
        HistoryEntry::register(registry);
    }
}

impl poem::IntoResponse for HistoryStream {
    fn into_response(self) -> Response {
        match self.0 {
            Some(stream) => stream.into_response(),
            None => Response::builder().status(poem::http::StatusCode::NO_CONTENT).finish(),
        }
    }
}

impl ApiResponse for LifeStream {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![stream_meta::<LifeEvent>("The stream.")] }
    }

    fn register(registry: &mut Registry) {
        LifeEvent::register(registry);
    }
}

impl poem::IntoResponse for LifeStream {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

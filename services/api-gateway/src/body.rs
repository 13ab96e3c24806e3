//! Bodies of requests: read under a limit whatever `Content-Length` says, under a deadline, and
//! refused with a problem that says what is wrong.

use std::{io, sync::Arc, time::Duration};

use kintsugi_gateway_ops::{App, Problem, json};
use poem::{
    Body, Request, RequestBody, Result,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    payload::{Binary, Payload as _},
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

/// How long a client may take to send its body.
const READ_MAX: Duration = Duration::from_secs(30);

/// How long, and how many bytes, a client may go on sending after its body was found too large.
const DRAIN_MAX: Duration = Duration::from_secs(2);
const DRAINED_MAX: u64 = 32 << 20;

/// What an envelope may add to the payload in it.
const ENVELOPE_BYTES: usize = 16 << 10;

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// A JSON body that may be absent.
pub(crate) struct OptionalJsonBody<T>(pub(crate) T);

/// Content of any type, not read yet.
pub(crate) struct ContentBody {
    pub(crate) content: Box<dyn AsyncRead + Send + Unpin>,
    pub(crate) media_type: String,
}

/// A workflow document, YAML or JSON, as it came.
pub(crate) struct DocumentBody(pub(crate) Vec<u8>);

impl<'a, T: DeserializeOwned + Type + Send> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(json_meta::<T>(true))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let bytes = read_json(request, body).await?;
        Ok(Self(json::from_slice(&bytes)?))
    }
}

impl<'a, T: DeserializeOwned + Type + Default + Send> ApiExtractor<'a> for OptionalJsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(json_meta::<T>(false))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let bytes = read_json(request, body).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        Ok(Self(json::from_slice(&bytes)?))
    }
}

impl<'a> ApiExtractor<'a> for DocumentBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let of = |content_type, schema| MetaMediaType { content_type, schema };
        let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let object = MetaSchemaRef::Inline(Box::new(MetaSchema::new("object")));
        Some(MetaRequest {
            description: Some("An Open Workflow document."),
            content: vec![of("application/yaml", text()), of("application/json", object)],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let subtype = content_subtype(request);
        // `text/plain` and curl's own default say nothing; the document says what it is.
        let fits = subtype.as_deref().is_none_or(|subtype| {
            matches!(
                subtype,
                "json"
                    | "yaml"
                    | "x-yaml"
                    | "vnd.yaml"
                    | "plain"
                    | "octet-stream"
                    | "x-www-form-urlencoded"
            ) || subtype.ends_with("+json")
                || subtype.ends_with("+yaml")
        });
        if !fits {
            return Err(unsupported(request, "application/yaml or application/json").into());
        }
        let limit = app(request)?.config.definition_bytes_max;
        Ok(Self(read(body, "the document", limit).await?))
    }
}

impl<'a> ApiExtractor<'a> for ContentBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = Binary::<Vec<u8>>::schema_ref();
        let content = vec![MetaMediaType { content_type: kintsugi_reference::OCTETS, schema }];
        let description = Some("The content; its type is kept with it.");
        Some(MetaRequest { description, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        // curl's own default says nothing of what it sends.
        let given = request.header(header::CONTENT_TYPE).map(str::trim);
        let given = given.filter(|given| *given != "application/x-www-form-urlencoded");
        let media_type = given.unwrap_or(kintsugi_reference::OCTETS).to_owned();
        if !kintsugi_reference::is_media_type(&media_type) {
            return Err(unsupported(request, "a media type of at most 128 bytes").into());
        }
        let content = body.take().unwrap_or_else(|_| Body::empty());
        Ok(Self { content: Box::new(content.into_async_read()), media_type })
    }
}

fn json_meta<T: Type>(required: bool) -> MetaRequest {
    let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
    MetaRequest { description: None, content, required }
}

async fn read_json(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>, Problem> {
    // curl's default type says nothing about a body that is JSON; another one contradicts it.
    let fits = content_subtype(request).as_deref().is_none_or(|subtype| {
        matches!(subtype, "json" | "x-www-form-urlencoded") || subtype.ends_with("+json")
    });
    if !fits {
        return Err(unsupported(request, "application/json"));
    }
    let limit = app(request)?.config.input_bytes_max.saturating_add(ENVELOPE_BYTES);
    read(body, "the body", limit).await
}

async fn read(body: &mut RequestBody, what: &str, limit: usize) -> Result<Vec<u8>, Problem> {
    let Ok(body) = body.take() else { return Ok(Vec::new()) };
    let mut body = body.into_async_read();
    match timeout(READ_MAX, take(&mut body, limit)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            drain(&mut body).await;
            Err(Problem::too_large(what, limit))
        }
        Ok(Err(_)) => Err(Problem::bad_request("unreadable_body", "the body broke off")),
        Err(_) => {
            let title = format!("the body was not sent within {} s", READ_MAX.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", title))
        }
    }
}

/// Reads to the end; `None` where that is beyond `limit`.
async fn take(body: &mut (impl AsyncRead + Unpin), limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    body.take(most).read_to_end(&mut bytes).await?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

/// Reads on for a while and keeps nothing: a client that is still sending when the connection
/// closes would be told of the close, and never of the reason.
pub(crate) async fn drain(body: &mut (impl AsyncRead + Unpin)) {
    let (mut rest, mut nowhere) = (body.take(DRAINED_MAX), tokio::io::sink());
    let reading = tokio::io::copy(&mut rest, &mut nowhere);
    // Whatever comes of it, the answer is the same.
    let _ended = timeout(DRAIN_MAX, reading).await;
}

fn app(request: &Request) -> Result<&Arc<App>, Problem> {
    request.data::<Arc<App>>().ok_or_else(Problem::internal)
}

/// The part after the `/`, without parameters, in lower case; the whole where there is no `/`.
fn content_subtype(request: &Request) -> Option<String> {
    let text = request.header(header::CONTENT_TYPE)?;
    let essence = text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase();
    match essence.split_once('/') {
        Some(("application" | "text", subtype)) => Some(subtype.to_owned()),
        _ => Some(essence),
    }
}

fn unsupported(request: &Request, wanted: &str) -> Problem {
    let given = request.header(header::CONTENT_TYPE).unwrap_or("");
    let given: String = given.chars().take(80).collect();
    let title = format!("the content type `{given}` is not taken here; send {wanted}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title)
}

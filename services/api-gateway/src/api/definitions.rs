//! Definitions: register, list, show.

use kintsugi_gateway_ops::{
    self as ops, Problem,
    types::{Definition, DefinitionPage, Registered, Retired},
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Shared, Tag, failure::failure};
use crate::body::DocumentBody;

pub(crate) struct Definitions;

#[derive(ApiResponse)]
pub(crate) enum Register {
    /// It is registered.
    #[oai(status = 201)]
    Created(
        Json<Registered>,
        /// Where it is now.
        #[oai(header = "Location")]
        String,
    ),
    /// It was registered before, with the same content; or it was checked only, and nothing is wrong.
    #[oai(status = 200)]
    Identical(Json<Registered>),
}

failure!(RegisterFailure:
    400 "A parameter is unknown or malformed.",
    409 "The version is taken by other content.",
    413 "The document is too large.",
    415 "The content type is not taken.",
    422 "The document is not accepted; `problems` has everything that is wrong with it.",
    503 "The store did not answer.",
);
failure!(RetireFailure:
    404 "There is no such definition.",
    422 "`latest` names no version to retire.",
    503 "The store did not answer.",
);
failure!(ReadFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such definition.",
    503 "The store did not answer.",
);

#[OpenApi]
impl Definitions {
    /// Register a definition
    ///
    /// The body is an Open Workflow document, YAML or JSON. A version is immutable once registered.
    /// With `dry_run` it is checked only.
    #[oai(
        path = "/v1/definitions",
        method = "post",
        operation_id = "define",
        tag = "Tag::Definitions"
    )]
    async fn define(
        &self,
        app: Shared<'_>,
        /// `true`: check the document and register nothing.
        dry_run: Query<Option<bool>>,
        body: DocumentBody,
    ) -> Result<Register, RegisterFailure> {
        if dry_run.0 == Some(true) {
            return Ok(Register::Identical(Json(ops::definitions::check(app.0, body.0).await?)));
        }
        let (registered, is_new) = ops::definitions::define(app.0, body.0).await?;
        Ok(if is_new {
            let location = format!(
                "/v1/definitions/{}/{}/{}",
                registered.namespace, registered.name, registered.version
            );
            Register::Created(Json(registered), location)
        } else {
            Register::Identical(Json(registered))
        })
    }

    /// List definitions
    #[oai(
        path = "/v1/definitions",
        method = "get",
        operation_id = "listDefinitions",
        tag = "Tag::Definitions"
    )]
    async fn list(
        &self,
        app: Shared<'_>,
        /// Only those of this namespace.
        namespace: Query<Option<String>>,
        /// At most so many, 1 to 200. Default: 50.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<DefinitionPage>, ReadFailure> {
        let page = ops::page(limit.0, cursor.0)?;
        Ok(Json(ops::definitions::list(app.0, namespace.0.as_deref(), page).await?))
    }

    /// Show a definition
    ///
    /// With its source as it was registered and the document as JSON. The version `latest` is the
    /// highest.
    #[oai(
        path = "/v1/definitions/:namespace/:name/:version",
        method = "get",
        operation_id = "getDefinition",
        tag = "Tag::Definitions"
    )]
    async fn get(
        &self,
        app: Shared<'_>,
        /// The namespace.
        namespace: Path<String>,
        /// The name.
        name: Path<String>,
        /// The version, or `latest`.
        version: Path<String>,
    ) -> Result<Json<Definition>, ReadFailure> {
        let wanted = reference(&namespace.0, &name.0, &version.0)?;
        Ok(Json(ops::definitions::get(app.0, &wanted).await?))
    }

    /// Retire a definition
    ///
    /// It starts no runs any more, `latest` is the next lower version, and open runs stay on it. Doing
    /// it again changes nothing; a newer version takes its place.
    #[oai(
        path = "/v1/definitions/:namespace/:name/:version/retire",
        method = "post",
        operation_id = "retireDefinition",
        tag = "Tag::Definitions"
    )]
    async fn retire(
        &self,
        app: Shared<'_>,
        /// The namespace.
        namespace: Path<String>,
        /// The name.
        name: Path<String>,
        /// The exact version.
        version: Path<String>,
    ) -> Result<Json<Retired>, RetireFailure> {
        let wanted = reference(&namespace.0, &name.0, &version.0)?;
        Ok(Json(ops::retire::retire(app.0, &wanted).await?))
    }
}

/// The definition that a path names. What is no name names none.
pub(super) fn reference(
    namespace: &str,
    name: &str,
    version: &str,
) -> Result<kintsugi_core::DefinitionRef, Problem> {
    let text = format!("{namespace}/{name}:{version}");
    kintsugi_core::DefinitionRef::parse(&text).map_err(|error| {
        Problem::not_found("definition_not_found", format!("there is no definition {text}"))
            .detail(error.to_string())
    })
}

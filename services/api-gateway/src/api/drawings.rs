//! Definitions as drawings.

use kintsugi_gateway_ops::{self as ops, Form, Problem};
use poem_openapi::{
    ApiResponse, Enum, OpenApi, ResponseContent,
    param::{Path, Query},
    payload::{Json, PlainText},
};
use serde_json::Value;

use super::{Shared, Tag, definitions::reference, failure::failure};

/// A picture may bring its own style, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

pub(crate) struct Drawings;

/// A form of a drawing.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum DrawingForm {
    /// An indented tree.
    Text,
    /// A flowchart of Mermaid.
    Mermaid,
    /// A graph of Graphviz.
    Dot,
    /// A picture.
    Svg,
    /// Nodes, the ways between them, and groups of nodes.
    Json,
}

#[derive(ResponseContent)]
pub(crate) enum DrawingContent {
    Text(PlainText<String>),
    #[oai(content_type = "text/vnd.mermaid; charset=utf-8")]
    Mermaid(PlainText<String>),
    #[oai(content_type = "text/vnd.graphviz; charset=utf-8")]
    Dot(PlainText<String>),
    #[oai(content_type = "image/svg+xml; charset=utf-8")]
    Svg(PlainText<String>),
    Json(Json<Value>),
}

#[derive(ApiResponse)]
pub(crate) enum Drawing {
    /// The drawing.
    #[oai(status = 200)]
    Drawn(
        DrawingContent,
        /// A page that shows it runs nothing.
        #[oai(header = "Content-Security-Policy")]
        String,
    ),
}

failure!(DrawFailure:
    400 "A parameter is unknown or malformed.",
    404 "There is no such definition.",
    422 "The drawing would be too large for its form.",
    503 "The store did not answer.",
);

#[OpenApi]
impl Drawings {
    /// Draw a definition
    ///
    /// As SVG unless another form is asked for. A picture has at most 2,000 nodes and 6,000 ways between
    /// them, any form but text 50,000 ways.
    #[oai(
        path = "/v1/definitions/:namespace/:name/:version/graph",
        method = "get",
        operation_id = "drawDefinition",
        tag = "Tag::Definitions"
    )]
    async fn draw(
        &self,
        app: Shared<'_>,
        /// The namespace.
        namespace: Path<String>,
        /// The name.
        name: Path<String>,
        /// The version, or `latest`.
        version: Path<String>,
        /// The form. Default: `svg`.
        #[oai(name = "as")]
        form: Query<Option<DrawingForm>>,
    ) -> Result<Drawing, DrawFailure> {
        let wanted = reference(&namespace.0, &name.0, &version.0)?;
        let form = form.0.unwrap_or(DrawingForm::Svg);
        let drawn = async |form| ops::definitions::draw(app.0, &wanted, form).await;
        let content = match form {
            DrawingForm::Text => DrawingContent::Text(PlainText(drawn(Form::Text).await?)),
            DrawingForm::Mermaid => DrawingContent::Mermaid(PlainText(drawn(Form::Mermaid).await?)),
            DrawingForm::Dot => DrawingContent::Dot(PlainText(drawn(Form::Dot).await?)),
            DrawingForm::Svg => DrawingContent::Svg(PlainText(drawn(Form::Svg).await?)),
            DrawingForm::Json => {
                let graph = serde_json::from_str(&drawn(Form::Json).await?);
                DrawingContent::Json(Json(graph.map_err(|_| Problem::internal())?))
            }
        };
        Ok(Drawing::Drawn(content, POLICY.to_owned()))
    }
}

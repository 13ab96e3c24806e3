//! The dashboard, built into the program. Its build output may be missing when the program is
//! built; then a page says what to do.

use kintsugi_gateway_ops::Problem;
use poem::{
    Request, Response,
    http::{StatusCode, header},
};
use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "../../frontend/dist"]
#[allow_missing = true]
struct Files;

const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<title>Kintsugi</title><h1>Kintsugi runs</h1><p>The dashboard is not part of this build. Build it \
with <code>npm ci &amp;&amp; npm run build</code> in <code>frontend/</code> and build the program \
again, or use <code>./dev up</code>, which does both.</p><p><a href=\"/docs\">The API</a> is here \
all the same.</p></html>";

/// The file at the request's path; the dashboard itself for its own pages.
///
/// # Errors
///
/// 404 for a file that is not there.
pub(super) fn serve(request: &Request) -> Result<Response, Problem> {
    let path = request.uri().path().trim_start_matches('/');
    let name = if path.is_empty() { "index.html" } else { path };
    if let Some(file) = Files::get(name) {
        return Ok(answer(request, name, &file));
    }
    // The dashboard has its own pages; their names have no extension.
    let is_page = !name.rsplit('/').next().unwrap_or(name).contains('.') || name == "index.html";
    if !is_page {
        return Err(Problem::not_found("not_found", "there is no such file"));
    }
    Ok(match Files::get("index.html") {
        Some(file) => answer(request, "index.html", &file),
        None => Response::builder().content_type("text/html; charset=utf-8").body(MISSING),
    })
}

fn answer(request: &Request, name: &str, file: &EmbeddedFile) -> Response {
    let digest = file.metadata.sha256_hash();
    // Weak: the same file goes out compressed and not.
    let tag: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("W/\"{tag}\"");
    // Names under assets/ hold a digest of their content; everything else is asked for again.
    let keep = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let response =
        Response::builder().header(header::ETAG, &tag).header(header::CACHE_CONTROL, keep);
    let known = request.header(header::IF_NONE_MATCH);
    let strong = tag.trim_start_matches("W/");
    let is_known = known.is_some_and(|known| {
        known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == strong)
    });
    if is_known {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.content_type(kind(name)).body(file.data.to_vec())
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

//! The page to browse the API with: Swagger UI, which poem-openapi carries within itself. It is one
//! page with its scripts in it, so the policy names them by digest, and nothing else may run, and
//! no other host is asked for anything.

use base64::{Engine, engine::general_purpose::STANDARD};
use poem::{Response, http::header};
use sha2::{Digest, Sha256};

/// The page and its policy.
pub(super) struct Docs {
    page: String,
    policy: String,
}

impl Docs {
    /// Of a page with scripts in it.
    pub(super) fn new(page: String) -> Self {
        let digests: Vec<String> = scripts(&page)
            .map(|script| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script))))
            .collect();
        let policy = format!(
            "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src 'self' data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            digests.join(" ")
        );
        Self { page, policy }
    }

    /// As an answer.
    pub(super) fn page(&self) -> Response {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, &self.policy)
            .header(header::CACHE_CONTROL, "no-cache")
            .body(self.page.clone())
    }
}

/// What stands within each `<script …>`.
fn scripts(page: &str) -> impl Iterator<Item = &str> {
    let mut rest = page;
    std::iter::from_fn(move || {
        let begin = rest.find("<script")?;
        let tag = &rest[begin..];
        let body = &tag[tag.find('>')? + 1..];
        let end = body.find("</script>")?;
        rest = &body[end..];
        Some(&body[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_no_other_host() {
        let page = crate::api::service().swagger_ui_html();
        for needle in ["src=\"http", "src='http", "href=\"http", "@import", "url(http", "url(//"] {
            let head = page.split("<script").next().unwrap();
            assert!(!head.contains(needle), "{needle}");
        }
        assert_eq!(scripts(&page).count(), 2);
        assert!(Docs::new(page).policy.contains("connect-src 'self'"));
    }
}

//! Addresses that people look at, and where their content is.

/// Where a page of GitHub or GitLab has its content: the specification wants catalogs named by the
/// page that people look at.
#[must_use]
pub fn content_of(uri: &str) -> String {
    if let Some(rest) = uri.strip_prefix("https://github.com/") {
        let mut parts = rest.splitn(5, '/');
        let (owner, repository) = (parts.next(), parts.next());
        if let (Some(owner), Some(repository)) = (owner, repository) {
            let path = match (parts.next(), parts.next(), parts.next()) {
                (Some("tree" | "blob"), Some(branch), Some(path)) => {
                    Some(format!("{branch}/{path}"))
                }
                (Some("functions"), Some(name), Some(rest)) => {
                    Some(format!("HEAD/functions/{name}/{rest}"))
                }
                _ => None,
            };
            if let Some(path) = path {
                return format!("https://raw.githubusercontent.com/{owner}/{repository}/{path}");
            }
        }
    }
    if uri.starts_with("https://gitlab.com/") {
        return uri.replacen("/-/tree/", "/-/raw/", 1).replacen("/-/blob/", "/-/raw/", 1);
    }
    uri.to_owned()
}

#[cfg(test)]
mod tests {
    use super::content_of;

    #[test]
    fn pages_of_repositories_lead_to_their_content() {
        for (page, content) in [
            (
                "https://github.com/o/catalog/tree/main/functions/log/1.0.0/function.yaml",
                "https://raw.githubusercontent.com/o/catalog/main/functions/log/1.0.0/function.yaml",
            ),
            (
                "https://github.com/o/catalog/functions/log/1.0.0/function.yaml",
                "https://raw.githubusercontent.com/o/catalog/HEAD/functions/log/1.0.0/function.yaml",
            ),
            (
                "https://gitlab.com/o/c/-/tree/main/functions/log/1.0.0/function.yaml",
                "https://gitlab.com/o/c/-/raw/main/functions/log/1.0.0/function.yaml",
            ),
            ("https://a.test/functions/x", "https://a.test/functions/x"),
        ] {
            assert_eq!(content_of(page), content);
        }
    }
}

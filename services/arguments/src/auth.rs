//! `authentication`: whom a call says that it comes from.

use crate::{Host, Http, inside, object};
use kintsugi_core::Template;
use kintsugi_document::{Fields, Node, Problem, Tree, escape};
use serde_json::{Value, json};

const SCHEMES: [&str; 5] = ["basic", "bearer", "digest", "oauth2", "oidc"];

const GRANTS: [&str; 5] = [
    "authorization_code",
    "client_credentials",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:token-exchange",
];

const CLIENT: [&str; 5] =
    ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];

const ENCODINGS: [&str; 2] = ["application/x-www-form-urlencoded", "application/json"];

/// Authentication policies.
pub(crate) trait Authentication<'a>: Host<'a> {
    /// A policy, or the name of one in `use.authentications`, as the argument `authentication`.
    fn authentication(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let fields = self.object(tree, pointer, "`authentication`")?;
        let (policy, at) = match fields.at("use") {
            Some((name, at)) => {
                self.only(&fields, "`authentication`", &["use"]);
                self.string(name, &at, "`use`")?;
                self.resolve("authentications", name, &at)?
            }
            None => (tree, pointer.to_owned()),
        };
        self.argument(&at, "/authentication", |c| c.policy(policy, &at))
    }

    /// An authentication policy.
    fn policy(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let fields = self.fields(tree, pointer, "an authentication policy", &SCHEMES)?;
        let [entry] = fields.entries else {
            let message = "an authentication policy has one scheme";
            let problem = Problem::new("type", tree.mark, message).at(pointer);
            self.problem(problem.hint(format!("it is one of {}", SCHEMES.join(", "))));
            return None;
        };
        let (scheme, at) = (entry.key.as_str(), fields.path(&entry.key));
        let body = self.object(&entry.value, &at, &format!("`{scheme}`"))?;
        let value = match body.at("use") {
            Some((name, at)) => {
                self.only(&body, &format!("`{scheme}`"), &["use"]);
                let secret = self.string(name, &at, "`use`")?;
                self.declared(secret, name.mark, &at);
                Template::Literal(json!({ "secret": secret }))
            }
            None => {
                match scheme {
                    "bearer" => self.texts(&body, "`bearer`", &["token"]),
                    "oauth2" => self.oauth2(&body, true),
                    "oidc" => self.oauth2(&body, false),
                    _ => self.texts(&body, &format!("`{scheme}`"), &["username", "password"]),
                }
                self.template_with_uris(&entry.value, &at)
            }
        };
        Some(object(vec![(scheme.to_owned(), value)]))
    }

    /// Exactly these keys, each a text.
    fn texts(&mut self, fields: &Fields<'a>, what: &str, keys: &[&str]) {
        self.only(fields, what, keys);
        for key in keys {
            if let Some((tree, at)) = self.required(fields, key, what) {
                self.text(tree, &at, key);
            }
        }
    }

    /// A text; warns when it is a secret that stands in the document.
    fn text(&mut self, tree: &'a Tree, pointer: &str, key: &str) {
        let Some(text) = self.string(tree, pointer, &format!("`{key}`")) else { return };
        let hidden = ["password", "token", "secret", "assertion"];
        if hidden.contains(&key) && inside(text).is_none() {
            let message = format!("this `{key}` stands in the document, which others can read");
            let hint = "name a secret in `use.secrets`, and write ${ $secrets.name }";
            let problem = Problem::new("secret-in-document", tree.mark, message);
            self.warn(problem.at(pointer).hint(hint));
        }
    }

    fn oauth2(&mut self, fields: &Fields<'a>, with_endpoints: bool) {
        let what = if with_endpoints { "`oauth2`" } else { "`oidc`" };
        let mut known = vec![
            "authority",
            "grant",
            "client",
            "request",
            "issuers",
            "scopes",
            "audiences",
            "username",
            "password",
            "subject",
            "actor",
        ];
        if with_endpoints {
            known.push("endpoints");
        }
        self.only(fields, what, &known);
        if let Some((tree, at)) = self.required(fields, "authority", what)
            && tree.as_str().and_then(inside).is_some()
        {
            let message = "`authority` is a URI or a URI template, not an expression";
            self.problem(Problem::new("type", tree.mark, message).at(at));
        }
        let grant = self.required(fields, "grant", what);
        let grant = grant.and_then(|(tree, at)| self.one_of(tree, &at, "`grant`", &GRANTS));
        for key in ["username", "password"] {
            if let Some((tree, at)) = fields.at(key) {
                self.text(tree, &at, key);
            }
        }
        let needed: &[&str] = match grant {
            Some("authorization_code") => {
                let mark = fields.get("grant").map_or(fields.mark, |tree| tree.mark);
                let hint = "it needs a person at a browser; use client_credentials, or a \
                            refresh_token";
                self.unsupported(mark, &fields.path("grant"), "`authorization_code`", hint);
                &[]
            }
            Some("client_credentials") => &["client"],
            Some("password") => &["username", "password"],
            Some(_) => &["subject"],
            None => &[],
        };
        for key in needed {
            self.required(fields, key, &format!("the grant `{}`", grant.unwrap_or_default()));
        }
        self.client(fields);
        for key in ["subject", "actor"] {
            let Some((tree, at)) = fields.at(key) else { continue };
            let what = format!("`{key}`");
            let Some(token) = self.fields(tree, &at, &what, &["token", "type"]) else { continue };
            self.texts(&token, &what, &["token", "type"]);
        }
        for key in ["issuers", "scopes", "audiences"] {
            if let Some((tree, at)) = fields.at(key) {
                self.text_list(tree, &at, &format!("`{key}`"));
            }
        }
        if let Some((tree, at)) = fields.at("request")
            && let Some(own) = self.fields(tree, &at, "`request`", &["encoding"])
            && let Some((tree, at)) = own.at("encoding")
        {
            self.one_of(tree, &at, "`encoding`", &ENCODINGS);
        }
        if let Some((tree, at)) = fields.at("endpoints") {
            self.endpoints(tree, &at);
        }
    }

    fn client(&mut self, fields: &Fields<'a>) {
        let Some((tree, at)) = fields.at("client") else { return };
        let known = ["id", "secret", "assertion", "authentication"];
        let Some(own) = self.fields(tree, &at, "`client`", &known) else { return };
        for key in ["id", "secret", "assertion"] {
            if let Some((tree, at)) = own.at(key) {
                self.text(tree, &at, key);
            }
        }
        let how = own.at("authentication");
        let how = how.and_then(|(tree, at)| self.one_of(tree, &at, "`authentication`", &CLIENT));
        let needed: &[&str] = match how {
            Some("private_key_jwt") => &["assertion"],
            Some("client_secret_basic" | "client_secret_jwt") => &["id", "secret"],
            _ => &["id"],
        };
        for key in needed {
            self.required(&own, key, "`client`");
        }
    }

    fn endpoints(&mut self, tree: &'a Tree, pointer: &str) {
        let known = ["token", "revocation", "introspection"];
        let Some(own) = self.fields(tree, pointer, "`endpoints`", &known) else { return };
        for key in known {
            if let Some((tree, at)) = own.at(key) {
                self.string(tree, &at, &format!("`{key}`"));
            }
        }
        for key in ["revocation", "introspection"] {
            if let Some(entry) = own.entry(key) {
                let message = format!("no grant needs the `{key}` endpoint, and none is called");
                let problem = Problem::new("no-effect", entry.mark, message);
                self.warn(problem.at(own.path(key)));
            }
        }
    }

    /// A policy's body, its URIs read as URI templates.
    fn template_with_uris(&mut self, tree: &'a Tree, pointer: &str) -> Template {
        let Node::Object(entries) = &tree.node else { return self.template(tree, pointer) };
        let mut parts = Vec::with_capacity(entries.len());
        for entry in entries {
            let at = format!("{pointer}/{}", escape(&entry.key));
            let value = match entry.key.as_str() {
                "authority" => self
                    .uri(&entry.value, &at, "`authority`")
                    .unwrap_or(Template::Literal(Value::Null)),
                _ => self.template(&entry.value, &at),
            };
            parts.push((entry.key.clone(), value));
        }
        object(parts)
    }
}

impl<'a, H: Host<'a>> Authentication<'a> for H {}

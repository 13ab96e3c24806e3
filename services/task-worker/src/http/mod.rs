//! `call: http`.

mod request;
mod response;

use kintsugi_egress::{BadRedirect, Forbidden, Guarded};
use kintsugi_worker::{Context, Failure};
use reqwest::{Client, redirect::Policy};
use serde_json::Value;

use crate::{Error, HttpConfig};
use request::Arguments;
use response::{Asked, Response};

/// Makes HTTP calls.
pub(crate) struct Http {
    config: HttpConfig,
    /// Follows no redirects.
    plain: Client,
    /// Follows redirects.
    following: Client,
}

impl Http {
    pub(crate) fn new(config: &HttpConfig) -> Result<Self, Error> {
        // The TLS library wants one provider of cryptography per process. Somebody else's is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |redirects: Policy| {
            Client::builder()
                .redirect(redirects)
                .connect_timeout(config.connect_timeout)
                .dns_resolver(Guarded::shared(config.allowed()))
                // A proxy would resolve names itself, past the guard.
                .no_proxy()
                .user_agent(concat!("kintsugi/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(Error::Http)
        };
        Ok(Self {
            plain: client(Policy::none())?,
            following: client(kintsugi_egress::redirects(config.allowed(), config.redirects_max))?,
            config: config.clone(),
        })
    }

    pub(crate) async fn call(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let arguments = Arguments::read(input)?;
        let url = arguments.url()?;
        kintsugi_egress::check(&url, self.config.allowed()).map_err(|error| forbidden(&error))?;
        let headers = arguments.headers(context)?;
        let asked = Asked {
            method: arguments.method()?.to_string(),
            uri: url.to_string(),
            headers: headers.clone(),
        };
        let client = if arguments.redirect { &self.following } else { &self.plain };
        let limit = self.config.timeout.min(context.remaining());
        let request = arguments.build(client, url, headers)?.timeout(limit);
        let answer = request.send().await.map_err(failed)?;
        let response = self.read(answer).await?;
        response.check(arguments.redirect)?;
        response.output(arguments.output, &asked)
    }

    /// Reads the body, and stops where it gets too long.
    async fn read(&self, mut answer: reqwest::Response) -> Result<Response, Failure> {
        let max = self.config.body_max;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > max {
                let message = format!("the service answered with more than {max} bytes");
                return Err(Failure::fatal(message).kind("communication"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: answer.status(), headers: answer.headers().clone(), body })
    }
}

/// No answer. Whether trying again helps depends on why.
fn failed(error: reqwest::Error) -> Failure {
    // The URL may hold secrets; the workflow's author knows it anyway.
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(one) = cause {
        if let Some(error) = one.downcast_ref::<Forbidden>() {
            return forbidden(error);
        }
        if let Some(error) = one.downcast_ref::<BadRedirect>() {
            return Failure::fatal(error.to_string()).kind("communication");
        }
        cause = one.source();
    }
    if error.is_builder() {
        return Failure::fatal(Failure::from(error).message()).kind("validation");
    }
    if error.is_timeout() {
        return Failure::from(error).kind("timeout").status(408);
    }
    Failure::from(error).kind("communication")
}

fn forbidden(error: &Forbidden) -> Failure {
    let why = format!("{error}, and `worker.http.allow` is `public`");
    Failure::fatal(why).kind("authorization").status(403)
}

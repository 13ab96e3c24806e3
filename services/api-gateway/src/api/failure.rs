//! What operations fail with, as the OpenAPI document has it.

use kintsugi_gateway_ops::{Problem, problem::PROBLEM_JSON};
use poem_openapi::{
    registry::{MetaMediaType, MetaResponse, MetaResponses},
    types::Type,
};

/// The responses of an operation that fails with one of `statuses`.
pub(crate) fn responses(statuses: &[(u16, &'static str)]) -> MetaResponses {
    let response = |(status, description): &(u16, &'static str)| MetaResponse {
        description,
        status: Some(*status),
        status_range: None,
        content: vec![MetaMediaType { content_type: PROBLEM_JSON, schema: Problem::schema_ref() }],
        headers: Vec::new(),
    };
    MetaResponses { responses: statuses.iter().map(response).collect() }
}

/// Declares the error type of operations: a [`Problem`] with the statuses that they document.
macro_rules! failure {
    ($(#[$docs:meta])* $name:ident: $($status:literal $description:literal),+ $(,)?) => {
        $(#[$docs])*
        #[derive(Debug)]
        pub struct $name(kintsugi_gateway_ops::Problem);

        impl From<kintsugi_gateway_ops::Problem> for $name {
            fn from(problem: kintsugi_gateway_ops::Problem) -> Self {
                Self(problem)
            }
        }

        impl From<$name> for poem::Error {
            fn from(failure: $name) -> Self {
                failure.0.into()
            }
        }

        impl poem_openapi::ApiResponse for $name {
            fn meta() -> poem_openapi::registry::MetaResponses {
                $crate::api::failure::responses(&[$(($status, $description)),+])
            }

            fn register(registry: &mut poem_openapi::registry::Registry) {
                <kintsugi_gateway_ops::Problem as poem_openapi::types::Type>::register(registry);
            }
        }
    };
}
pub(crate) use failure;

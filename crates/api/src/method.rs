//! What does the method of a request say of what it does (RFC 9110, 9.2)?

use http::Method;
use toolgate_hosted::Annotations;

/// Whether a request may be sent again when it is not known what became of it.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// What clients are told of a tool that sends such requests.
pub(crate) fn annotations(method: &Method) -> Annotations {
    let safe = is_safe(method);
    Annotations {
        read_only_hint: safe,
        destructive_hint: matches!(*method, Method::PUT | Method::PATCH | Method::DELETE),
        idempotent_hint: safe || matches!(*method, Method::PUT | Method::DELETE),
        open_world_hint: true,
    }
}

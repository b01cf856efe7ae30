//! The error codes of JSON-RPC and MCP, in one place.
//!
//! -32000 to -32019 belong to revisions before 2026-07-28, -32020 to -32099 to the specification
//! alone. Codes of our own stay outside -32768 to -32000.

/// The text is not JSON (JSON-RPC 2.0, section 5.1).
pub const PARSE_ERROR: i64 = -32700;
/// The JSON is no message (JSON-RPC 2.0, section 5.1).
pub const INVALID_REQUEST: i64 = -32600;
/// Nobody offers the method (JSON-RPC 2.0, section 5.1).
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters do not fit; also an unknown tool, prompt, task or cursor, and since 2026-07-28
/// an unknown resource and a missing `_meta` field.
pub const INVALID_PARAMS: i64 = -32602;
/// Something broke on our side (JSON-RPC 2.0, section 5.1).
pub const INTERNAL_ERROR: i64 = -32603;

/// The caller may not use this. Ours, as neither JSON-RPC nor MCP has a code for it.
pub const FORBIDDEN: i64 = -31_403;

/// No such resource, until 2025-11-25. Must not be sent to modern peers.
pub const RESOURCE_NOT_FOUND: i64 = -32002;
/// The caller has to visit a page first, in 2025-11-25. Must not be sent to modern peers.
pub const URL_ELICITATION_REQUIRED: i64 = -32042;
/// The user declined to sample, until 2025-11-25.
pub const USER_REJECTED: i64 = -1;

/// A mirrored header is missing, invalid or differs from the body (2026-07-28).
pub const HEADER_MISMATCH: i64 = -32020;
/// The answer needs a capability that the client did not declare (2026-07-28);
/// `data.requiredCapabilities` names it.
pub const MISSING_CLIENT_CAPABILITY: i64 = -32021;
/// The revision asked for is not spoken here (2026-07-28); `data.supported` lists those that are.
pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;

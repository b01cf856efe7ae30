//! Why something is not a message, told so that its sender can find the mistake.

use bytes::Bytes;

use super::{build, codes};
use crate::json::Error;

/// A text that is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is an array. Only clients of 2025-03-26 may send one: see
    /// [`split_batch`](super::split_batch).
    #[error("expected one message, found a batch")]
    Batch,
    /// It is not JSON, or not JSON-RPC 2.0 as MCP narrows it.
    #[error("{message}")]
    Refused {
        /// The JSON-RPC error code to answer with.
        code: i64,
        /// What is wrong, naming the thing.
        message: Box<str>,
        /// The id of the request as it is written, if it could be read.
        id: Option<Box<str>>,
    },
}

impl Malformed {
    /// The JSON-RPC error code to answer with.
    #[must_use]
    pub fn code(&self) -> i64 {
        match self {
            Self::Batch => codes::INVALID_REQUEST,
            Self::Refused { code, .. } => *code,
        }
    }

    /// The id of the request as it is written, if it could be read.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Batch => None,
            Self::Refused { id, .. } => id.as_deref(),
        }
    }

    /// Any parser would refuse a breach of the grammar; only we refuse a breach of our own rules.
    pub(super) fn from_json(error: &Error, id: Option<&str>) -> Self {
        let code = if error.is_syntax() { codes::PARSE_ERROR } else { codes::INVALID_REQUEST };
        Self::Refused { code, message: error.to_string().into(), id: id.map(Into::into) }
    }

    /// A breach of our own rules that names no request.
    pub(super) fn invalid(message: &str) -> Self {
        Self::Refused { code: codes::INVALID_REQUEST, message: message.into(), id: None }
    }

    /// The error response that tells the sender.
    #[must_use]
    pub fn reply(&self) -> Bytes {
        build::error(self.id(), self.code(), &self.to_string(), None)
    }
}

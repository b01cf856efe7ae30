//! Who makes vectors of texts: a trait, as there is more than one kind of model server.

use std::time::Duration;

use toolgate_gateway::call::Boxed;

/// Makes vectors of texts, near each other where the texts mean the same.
pub trait Embedder: Send + Sync + 'static {
    /// A vector for each text, in their order. Dropped, the request is given up.
    fn embed<'a>(&'a self, texts: &'a [String]) -> Boxed<'a, Result<Vec<Vec<f32>>, EmbedError>>;
}

/// Why there are no vectors. The texts are for the log, and hold nothing of what was sent or
/// answered: endpoints repeat keys and documents in what they say of a failure.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// There is no connection, or it broke.
    #[error("{0}")]
    Lost(String),
    /// It took longer than that.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The endpoint does not want to.
    #[error("the endpoint answered with status {status}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// When to ask again (RFC 9110, Retry-After).
        retry_after: Option<Duration>,
    },
    /// What came is not what was asked for.
    #[error("{0}")]
    Unusable(String),
}

impl EmbedError {
    /// Whether one of the texts may be the reason.
    pub(crate) fn is_of_texts(&self) -> bool {
        matches!(self, EmbedError::Refused { status: 400 | 413 | 422, .. })
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            EmbedError::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

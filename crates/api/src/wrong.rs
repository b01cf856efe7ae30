//! Arguments that no request can be made of.

/// What is wrong with them, told so that the model can do better.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong(pub String);

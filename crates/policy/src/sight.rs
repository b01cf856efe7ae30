//! What a caller may know of a thing.

use crate::decision::Missing;

/// The same whatever the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sight {
    pub(crate) listed: bool,
    /// Listed, or its refusal may say what is missing.
    pub(crate) visible: bool,
    pub(crate) missing: Missing,
}

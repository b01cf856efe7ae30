//! Which server has what is under a published name or URI.

use std::collections::HashMap;

use crate::names::Names;

/// Where published names lead. The cost of a look-up depends on how many lengths of prefix there
/// are, not on how many servers.
pub(crate) struct Owners {
    /// Positions of the servers with this prefix of names.
    prefixes: HashMap<Box<str>, Vec<usize>>,
    /// The lengths of the prefixes in bytes, longest first: the longer, the surer.
    lengths: Vec<usize>,
    /// The server whose URIs begin with this scheme and a plus sign.
    schemes: HashMap<Box<str>, usize>,
    /// The server that alone keeps its URIs.
    only: Option<usize>,
}

impl Owners {
    /// Those of servers with these names, in the order of the servers.
    pub(crate) fn of<'a>(servers: impl Iterator<Item = &'a Names>) -> Owners {
        let mut prefixes: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        let mut schemes = HashMap::new();
        let mut only = None;
        for (at, names) in servers.enumerate() {
            prefixes.entry(names.prefix().into()).or_default().push(at);
            match names.scheme() {
                Some(scheme) => _ = schemes.entry(scheme.into()).or_insert(at),
                None => only = Some(at),
            }
        }
        let mut lengths: Vec<_> = prefixes.keys().map(|prefix| prefix.len()).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        Owners { prefixes, lengths, schemes, only }
    }

    /// The servers that may have something under this name, the surest first.
    pub(super) fn of_name<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = usize> + use<'a, 'n> {
        self.lengths
            .iter()
            .filter_map(|length| self.prefixes.get(name.get(..*length)?))
            .flatten()
            .copied()
    }

    /// The server that has what is under this URI.
    pub(super) fn of_uri(&self, uri: &str) -> Option<usize> {
        let scheme =
            uri.strip_prefix("ui://").unwrap_or(uri).split_once('+').map(|(scheme, _)| scheme);
        scheme.and_then(|scheme| self.schemes.get(scheme).copied()).or(self.only)
    }
}

//! Who is asking: what a client said of itself, in either era.

use bytes::Bytes;

use crate::json::{Document, Limits, Mode};
use crate::version::{Era, Version};

/// The `_meta` keys of the modern era (2026-07-28, general fields).
pub mod key {
    /// The protocol version of a request.
    pub const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// The client's capabilities, on every request.
    pub const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// Name and version of the client.
    pub const CLIENT: &str = "io.modelcontextprotocol/clientInfo";
    /// The level of log notifications wanted for this request.
    pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    /// The listen request that a notification belongs to.
    pub const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
    /// Name and version of the server, on every result.
    pub const SERVER: &str = "io.modelcontextprotocol/serverInfo";
    /// The task that a legacy message belongs to (2025-11-25, tasks).
    pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
    /// The tasks extension, in `capabilities.extensions`.
    pub const TASKS: &str = "io.modelcontextprotocol/tasks";
}

/// What one client, or one request of a modern client, declared.
#[derive(Clone, Debug)]
pub struct Client {
    /// The revision spoken with it.
    pub version: Version,
    /// Its `capabilities` object, as it wrote it.
    pub capabilities: Bytes,
    /// Its `clientInfo` object, as it wrote it. Never used for decisions.
    pub info: Option<Bytes>,
    /// The log level it asked for.
    pub log_level: Option<Level>,
}

impl Client {
    /// The era of its revision.
    pub fn era(&self) -> Era {
        self.version.era()
    }

    /// What it can be asked for while a call runs.
    pub fn abilities(&self) -> Abilities {
        Abilities::of(&self.capabilities, self.version)
    }
}

/// The parts of client capabilities that decide what a server may ask back.
///
/// It is also the fingerprint under which sessions with legacy upstreams are shared:
/// such a server decides at `initialize` what it will ever ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Abilities(u8);

impl Abilities {
    /// `sampling/createMessage`.
    pub const SAMPLING: Abilities = Abilities(1);
    /// Sampling with tools.
    pub const SAMPLING_TOOLS: Abilities = Abilities(2);
    /// Sampling with context inclusion.
    pub const SAMPLING_CONTEXT: Abilities = Abilities(4);
    /// `roots/list`.
    pub const ROOTS: Abilities = Abilities(8);
    /// Elicitation by form.
    pub const FORM: Abilities = Abilities(16);
    /// Elicitation by URL.
    pub const URL: Abilities = Abilities(32);
    /// The tasks extension.
    pub const TASKS: Abilities = Abilities(64);

    /// Reads a `capabilities` object; what is malformed is not declared.
    pub fn of(capabilities: &Bytes, version: Version) -> Abilities {
        // Most modern requests declare nothing: no parse for that.
        if capabilities.len() <= 2 {
            return Abilities::default();
        }
        let parsed = Document::parse(capabilities.clone(), &Limits::default(), Mode::Trusted);
        let Ok(document) = parsed else { return Abilities::default() };
        let Some(all) = document.root().object() else { return Abilities::default() };
        let mut found = Abilities::default();
        if let Some(sampling) = all.get("sampling").and_then(|value| value.object()) {
            found = found.and(Abilities::SAMPLING);
            if sampling.get("tools").is_some() {
                found = found.and(Abilities::SAMPLING_TOOLS);
            }
            if sampling.get("context").is_some() {
                found = found.and(Abilities::SAMPLING_CONTEXT);
            }
        }
        if all.get("roots").is_some_and(|value| value.is_object()) {
            found = found.and(Abilities::ROOTS);
        }
        if let Some(elicitation) = all.get("elicitation").and_then(|value| value.object()) {
            let url = elicitation.get("url").is_some();
            // An empty object means form only (2025-11-25, elicitation: capabilities).
            if elicitation.get("form").is_some() || !url {
                found = found.and(Abilities::FORM);
            }
            if url && version >= Version::V2025_11_25 {
                found = found.and(Abilities::URL);
            }
        }
        let tasks = all
            .get("extensions")
            .and_then(|value| value.object())
            .is_some_and(|extensions| extensions.get(key::TASKS).is_some());
        // The extension is not defined for older revisions, whatever a client declares.
        if tasks && version.era() == Era::Modern {
            found = found.and(Abilities::TASKS);
        }
        found
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Abilities) -> Abilities {
        Abilities(self.0 | other.0)
    }

    /// Whether all of `other` is declared.
    pub fn has(self, other: Abilities) -> bool {
        self.0 & other.0 == other.0
    }

    /// These without `other`.
    #[must_use]
    pub fn without(self, other: Abilities) -> Abilities {
        Abilities(self.0 & !other.0)
    }

    /// The bits, for sealed tokens and session keys.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// From the bits of a sealed token.
    pub fn from_bits(bits: u8) -> Abilities {
        Abilities(bits & 127)
    }

    /// The `capabilities` object that declares exactly this to a server of `version`.
    pub fn declare(self, version: Version) -> String {
        let mut parts = Vec::new();
        if self.has(Abilities::SAMPLING) {
            let mut inner = Vec::new();
            if self.has(Abilities::SAMPLING_TOOLS) && version >= Version::V2025_11_25 {
                inner.push(r#""tools":{}"#);
            }
            if self.has(Abilities::SAMPLING_CONTEXT) && version >= Version::V2025_11_25 {
                inner.push(r#""context":{}"#);
            }
            parts.push(format!(r#""sampling":{{{}}}"#, inner.join(",")));
        }
        if self.has(Abilities::ROOTS) {
            parts.push(r#""roots":{}"#.to_owned());
        }
        if version >= Version::V2025_06_18
            && (self.has(Abilities::FORM)
                || self.has(Abilities::URL) && version >= Version::V2025_11_25)
        {
            let modes = match (self.has(Abilities::FORM), self.has(Abilities::URL)) {
                _ if version < Version::V2025_11_25 => "",
                (true, true) => r#""form":{},"url":{}"#,
                (false, true) => r#""url":{}"#,
                _ => r#""form":{}"#,
            };
            parts.push(format!(r#""elicitation":{{{modes}}}"#));
        }
        if self.has(Abilities::TASKS) && version.era() == Era::Modern {
            parts.push(format!(r#""extensions":{{"{}":{{}}}}"#, key::TASKS));
        }
        format!("{{{}}}", parts.join(","))
    }
}

/// The severities of log notifications, least severe first (RFC 5424, as in all revisions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of RFC 5424")]
pub enum Level {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl Level {
    const ALL: [Level; 8] = [
        Level::Debug,
        Level::Info,
        Level::Notice,
        Level::Warning,
        Level::Error,
        Level::Critical,
        Level::Alert,
        Level::Emergency,
    ];

    /// The level of this name.
    pub fn parse(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.as_str() == name)
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Notice => "notice",
            Level::Warning => "warning",
            Level::Error => "error",
            Level::Critical => "critical",
            Level::Alert => "alert",
            Level::Emergency => "emergency",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abilities(capabilities: &'static str, version: Version) -> Abilities {
        Abilities::of(&Bytes::from_static(capabilities.as_bytes()), version)
    }

    #[test]
    fn an_empty_elicitation_object_means_forms_only() {
        let found = abilities(r#"{"elicitation":{}}"#, Version::V2026_07_28);

        assert!(found.has(Abilities::FORM));
        assert!(!found.has(Abilities::URL));
    }

    #[test]
    fn url_elicitation_is_not_believed_of_a_client_too_old_for_it() {
        let text = r#"{"elicitation":{"url":{}}}"#;

        assert!(!abilities(text, Version::V2025_06_18).has(Abilities::URL));
        assert!(abilities(text, Version::V2025_11_25).has(Abilities::URL));
    }

    #[test]
    fn the_tasks_extension_is_not_believed_of_a_legacy_client_nor_declared_to_a_legacy_server() {
        let text = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;

        assert_eq!(abilities(text, Version::V2025_11_25), Abilities::default());
        let modern = abilities(text, Version::V2026_07_28);
        assert_eq!(modern, Abilities::TASKS);
        assert_eq!(modern.declare(Version::V2025_11_25), "{}");
    }

    #[test]
    fn what_is_declared_reads_back_the_same() {
        for bits in 0..=127 {
            let all = Abilities::from_bits(bits);
            // Details of sampling mean nothing without sampling itself.
            if !all.has(Abilities::SAMPLING) && bits & 6 != 0 {
                continue;
            }
            let text = all.declare(Version::V2026_07_28);
            assert_eq!(Abilities::of(&Bytes::from(text), Version::V2026_07_28), all);
        }
    }

    #[test]
    fn levels_order_by_severity() {
        assert!(Level::ALL.is_sorted());
        assert_eq!(Level::parse("notice"), Some(Level::Notice));
        assert_eq!(Level::parse("loud"), None);
    }
}

//! Which revision of the protocol does a peer speak, and in which era does it lie?

/// A protocol revision. They are dates, so they order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP+SSE and stdio.
    V2024_11_05,
    /// Streamable HTTP, sessions, batches.
    V2025_03_26,
    /// Structured output, form elicitation; no more batches.
    V2025_06_18,
    /// URL elicitation, experimental tasks, SSE polling.
    V2025_11_25,
    /// Stateless: metadata on every request, no handshake.
    V2026_07_28,
}

/// The two ways of speaking: by handshake or by metadata on every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// 2025-11-25 and earlier.
    Legacy,
    /// 2026-07-28 and later.
    Modern,
}

impl Era {
    /// The word used in configuration, logs and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Era::Legacy => "legacy",
            Era::Modern => "modern",
        }
    }
}

impl Version {
    /// Every revision, oldest first.
    pub const ALL: [Version; 5] = [
        Version::V2024_11_05,
        Version::V2025_03_26,
        Version::V2025_06_18,
        Version::V2025_11_25,
        Version::V2026_07_28,
    ];
    /// The newest revision that begins with a handshake.
    pub const NEWEST_LEGACY: Version = Version::V2025_11_25;
    /// The newest revision of all.
    pub const NEWEST: Version = Version::V2026_07_28;
    /// What a legacy HTTP peer speaks that names no version (2025-06-18, transports).
    pub const UNNAMED: Version = Version::V2025_03_26;

    /// The revision of this name, if we know it.
    pub fn parse(text: &str) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::V2024_11_05 => "2024-11-05",
            Version::V2025_03_26 => "2025-03-26",
            Version::V2025_06_18 => "2025-06-18",
            Version::V2025_11_25 => "2025-11-25",
            Version::V2026_07_28 => "2026-07-28",
        }
    }

    /// The era it belongs to.
    pub fn era(self) -> Era {
        if self >= Version::V2026_07_28 { Era::Modern } else { Era::Legacy }
    }
}

/// Whether a version string, known to us or not, names a revision of the modern era.
pub fn names_modern(text: &str) -> bool {
    // Dates compare as text; a string that is no date is no claim to be modern.
    text.len() == 10 && text.as_bytes()[4] == b'-' && text >= Version::V2026_07_28.as_str()
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revision_reads_back_and_they_order_by_date() {
        for version in Version::ALL {
            assert_eq!(Version::parse(version.as_str()), Some(version));
        }
        assert!(Version::ALL.is_sorted());
        assert_eq!(Version::NEWEST_LEGACY.era(), Era::Legacy);
        assert_eq!(Version::NEWEST.era(), Era::Modern);
    }

    #[test]
    fn a_future_date_is_modern_and_a_stray_word_is_not() {
        assert!(names_modern("2027-01-01"));
        assert!(!names_modern("2025-11-25"));
        assert!(!names_modern("v999.0.0"));
    }
}

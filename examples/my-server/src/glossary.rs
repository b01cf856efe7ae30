//! What the server knows. Yours may ask a database here.

/// A term and what it means.
pub struct Entry {
    pub term: &'static str,
    pub meaning: &'static str,
}

const ENTRIES: [Entry; 3] = [
    Entry {
        term: "gateway",
        meaning: "One address in front of many servers, with rules of its own.",
    },
    Entry {
        term: "tool",
        meaning: "A function that a model may call, with a schema for its arguments.",
    },
    Entry { term: "upstream", meaning: "A server behind a gateway." },
];

/// All entries, by term.
pub fn all() -> &'static [Entry] {
    &ENTRIES
}

/// The entry of this term, whatever its case.
pub fn find(term: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.term.eq_ignore_ascii_case(term.trim()))
}

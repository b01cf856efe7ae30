//! Definitions of tools: pinned, compared with what was approved, scanned for what deceives.

//! What goes in and out: arguments validated, results redacted, made harmless and bounded.

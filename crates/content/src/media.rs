//! What a file is, by its name, and how its bytes travel in a message.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// The type of a file of this name (IANA media types).
pub(crate) fn type_of(path: &Path) -> &'static str {
    let extension = path.extension().map(|it| it.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref().unwrap_or_default() {
        "md" | "markdown" => "text/markdown",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "json" => "application/json",
        "yaml" | "yml" => "application/yaml",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "pdf" => "application/pdf",
        _ => "text/plain",
    }
}

/// A file as the content of a message: an image, a sound, or its text.
///
/// # Errors
/// It is none of these.
pub(crate) fn message(path: &Path, bytes: &[u8]) -> Result<Value, String> {
    let mime_type = type_of(path);
    let kind = mime_type.split('/').next().unwrap_or_default();
    if matches!(kind, "image" | "audio") && mime_type != "image/svg+xml" {
        return Ok(
            json!({ "type": kind, "data": BASE64_STANDARD.encode(bytes), "mimeType": mime_type }),
        );
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(json!({ "type": "text", "text": text })),
        Err(_) => Err("it is neither an image, a sound nor a text".to_owned()),
    }
}

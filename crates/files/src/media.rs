//! What kind of file is it?

use toolgate_folder::Place;

/// The MIME type by the extension. A table of our own: models and hosts care about text formats,
/// for which the registries disagree, and about the few media types they can show.
pub(crate) fn of(place: &Place) -> &'static str {
    let (stem, extension) = place.name().rsplit_once('.').unwrap_or((place.name(), ""));
    match extension.to_ascii_lowercase().as_str() {
        "md" | "markdown" => "text/markdown",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" | "cjs" => "text/javascript",
        "json" | "map" => "application/json",
        "jsonl" | "ndjson" => "application/jsonl",
        "yaml" | "yml" => "application/yaml",
        "toml" => "application/toml",
        "xml" | "xsd" | "xsl" => "application/xml",
        "sql" => "application/sql",
        "txt" | "text" | "log" | "rst" | "adoc" | "ini" | "cfg" | "conf" | "properties" | "rs"
        | "py" | "ts" | "tsx" | "jsx" | "go" | "java" | "kt" | "c" | "h" | "cc" | "cpp" | "hpp"
        | "cs" | "rb" | "php" | "swift" | "sh" | "bash" | "zsh" | "ps1" | "lua" | "pl" | "r"
        | "diff" | "patch" | "proto" | "graphql" | "tf" | "tex" | "srt" => "text/plain",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "m4a" => "audio/mp4",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "" if !stem.is_empty() => "text/plain",
        _ => "application/octet-stream",
    }
}

/// The content type that shows a file to a model as what it is: `image` or `audio`. SVG is text.
pub(crate) fn shown_as(mime: &str) -> Option<&'static str> {
    match mime.split_once('/')? {
        ("image", subtype) if subtype != "svg+xml" => Some("image"),
        ("audio", _) => Some("audio"),
        _ => None,
    }
}

/// Whether the beginning of a file is that of a text. Text has no NUL; UTF-16 does, and is no
/// text that we could show.
pub(crate) fn is_text(beginning: &[u8]) -> bool {
    !beginning.contains(&0)
}

/// A size for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let power = (bytes.ilog2() / 10).min(4);
    let tenths = (u128::from(bytes) * 10) >> (10 * power);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[power as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_from_the_extension_alone() {
        let of = |path| of(&Place::parse(path).unwrap());

        assert_eq!(of("a/README.MD"), "text/markdown");
        assert_eq!(of("Makefile"), "text/plain");
        assert_eq!(of("photo.jpeg"), "image/jpeg");
        assert_eq!(of("thing.xyz"), "application/octet-stream");
        assert_eq!(shown_as("image/svg+xml"), None);
        assert_eq!(shown_as("audio/ogg"), Some("audio"));
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 30), "5.0 GiB");
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
    }
}

//! What a server answers.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::{Value, json};
use toolgate_gateway::fault::{Fault, META_KEY, Reason};

/// The `result` of a request, as JSON, without the fields of an era (`resultType`, `ttlMs`,
/// `cacheScope`).
#[derive(Clone, Debug)]
pub struct Answer(pub(crate) String);

impl Answer {
    /// What serializes to a JSON object.
    ///
    /// # Errors
    /// It does not serialize, which is a mistake of ours.
    pub fn of(result: &(impl Serialize + ?Sized)) -> Result<Answer, Fault> {
        serde_json::to_string(result).map(Answer).map_err(|error| {
            Fault::new(Reason::Internal, "a result cannot be written").because(error)
        })
    }

    /// The JSON.
    pub fn json(&self) -> &str {
        &self.0
    }
}

impl From<Value> for Answer {
    fn from(result: Value) -> Answer {
        Answer(result.to_string())
    }
}

/// A block of content (MCP 2025-11-25, server/tools: tool result).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Content {
    /// For the model to read.
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    Image {
        /// Base64 (RFC 4648, section 4).
        data: String,
        /// Such as `image/png`.
        mime_type: String,
    },
    /// A sound.
    Audio {
        /// Base64.
        data: String,
        /// Such as `audio/wav`.
        mime_type: String,
    },
    /// A resource to read later.
    ResourceLink {
        /// Where it is.
        uri: String,
        /// What it is called.
        name: String,
        /// What it holds.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Its type, if known.
        #[serde(skip_serializing_if = "Option::is_none")]
        mime_type: Option<String>,
    },
}

impl Content {
    /// A text.
    pub fn text(text: impl Into<String>) -> Content {
        Content::Text { text: text.into() }
    }

    /// A picture of this type.
    pub fn image(bytes: &[u8], mime_type: impl Into<String>) -> Content {
        Content::Image { data: BASE64_STANDARD.encode(bytes), mime_type: mime_type.into() }
    }

    /// A sound of this type.
    pub fn audio(bytes: &[u8], mime_type: impl Into<String>) -> Content {
        Content::Audio { data: BASE64_STANDARD.encode(bytes), mime_type: mime_type.into() }
    }
}

/// What is at a URI: text where the bytes are one, base64 otherwise (MCP 2025-11-25,
/// server/resources: resource contents).
pub fn contents(uri: &str, mime_type: &str, bytes: &[u8]) -> Value {
    let mut contents = json!({ "uri": uri, "mimeType": mime_type });
    match std::str::from_utf8(bytes) {
        Ok(text) => contents["text"] = text.into(),
        Err(_) => contents["blob"] = BASE64_STANDARD.encode(bytes).into(),
    }
    contents
}

/// What a tool answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    /// For the model.
    pub content: Vec<Content>,
    /// For programs: an object that fits the tool's output schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Value>,
    /// The tool could not do it, and the content says why.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

impl ToolResult {
    /// A text alone.
    pub fn text(text: impl Into<String>) -> ToolResult {
        ToolResult { content: vec![Content::text(text)], ..ToolResult::default() }
    }

    /// Data for programs, and the same as text for models and for clients that know no other (MCP
    /// 2025-11-25, server/tools: structured content).
    pub fn structured(value: Value) -> ToolResult {
        let content = vec![Content::text(value.to_string())];
        ToolResult { content, structured_content: Some(value), is_error: false }
    }

    /// A failure that the model can act on, said in one sentence.
    pub fn failed(sentence: impl Into<String>) -> ToolResult {
        ToolResult { is_error: true, ..ToolResult::text(sentence) }
    }
}

/// The result of a tool that failed, in the form of the gateway's own failures, but for their advice:
/// the sentence of `fault` says itself what to do.
pub fn failure(fault: &Fault) -> Value {
    let structured = fault.structured("").parse::<Value>().unwrap_or_default();
    json!({
        "content": [Content::text(fault.message.as_str())],
        "isError": true,
        "_meta": { (META_KEY): structured },
    })
}

impl From<ToolResult> for Answer {
    fn from(result: ToolResult) -> Answer {
        // Texts, numbers and maps with text keys always serialize.
        Answer(serde_json::to_string(&result).unwrap_or_else(|error| {
            json!({ "content": [Content::text(error.to_string())], "isError": true }).to_string()
        }))
    }
}

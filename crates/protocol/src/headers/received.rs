//! Do the headers of a request say what its body says?

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{METHOD, Mirror, NAME, VERSION, name, name_key, sentinel, version};
use crate::json::Object;
use crate::jsonrpc::{Kind, Message, codes};

/// The headers of MCP in a request, as they came.
#[derive(Debug, Clone, Default)]
pub struct Received<'a> {
    list: SmallVec<[(&'a str, &'a [u8]); 8]>,
}

/// How headers and body disagree. The answer is status 400 and [`codes::HEADER_MISMATCH`].
///
/// Values are not repeated: they may be long, or secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("header {header} {problem}")]
pub struct Mismatch {
    header: Box<str>,
    problem: &'static str,
}

impl Mismatch {
    /// The JSON-RPC error code to answer with.
    pub const CODE: i64 = codes::HEADER_MISMATCH;
}

impl<'a> FromIterator<(&'a str, &'a [u8])> for Received<'a> {
    /// Keeps what begins with `Mcp-`, whatever its case.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a [u8])>>(headers: I) -> Self {
        let ours =
            |name: &str| name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("mcp-"));
        Self { list: headers.into_iter().filter(|(name, _)| ours(name)).collect() }
    }
}

impl<'a> Received<'a> {
    /// The revision that the headers claim, which need not be one that exists.
    ///
    /// # Errors
    /// When the header came twice or holds what a header cannot.
    pub fn version(&self) -> Result<Option<&'a str>, Mismatch> {
        self.literal(VERSION)
    }

    /// Checks the standard headers of a modern request: revision, method and name.
    ///
    /// Notifications pass, because no rule is defined for them. What is missing in the body is for
    /// others to complain about, unless a header claims it.
    ///
    /// # Errors
    /// When a header is missing, came twice, cannot be decoded, or differs from the body.
    pub fn check(&self, message: &Message) -> Result<(), Mismatch> {
        let (Kind::Request, Some(method)) = (message.kind(), message.method()) else {
            return Ok(());
        };
        if let Some(version) = version(message) {
            same(VERSION, self.version()?, Some(&version))?;
        }
        same(METHOD, self.literal(METHOD)?, Some(method))?;
        if name_key(method).is_some() {
            same(NAME, self.decoded(NAME)?.as_deref(), name(message).as_deref())?;
        }
        Ok(())
    }

    /// Checks the headers that mirror the arguments of a tool. Others that merely look like it are
    /// left alone, as the specification demands of those that do not know them.
    ///
    /// # Errors
    /// When a header is missing, unexpected, came twice, cannot be decoded, or differs from its
    /// argument; or when no header could carry the argument.
    pub fn check_arguments(
        &self,
        mirrors: &[Mirror],
        arguments: Option<&Object<'_>>,
    ) -> Result<(), Mismatch> {
        for mirror in mirrors {
            let header = &mirror.header;
            let received = self.decoded(header)?;
            let text = mirror
                .text(arguments)
                .map_err(|_| mismatch(header, "mirrors an argument that no header can carry"))?;
            match (&received, &text) {
                (Some(received), Some(text)) if mirror.agrees(received, text) => {}
                _ => same(header, received.as_deref(), text.as_deref())?,
            }
        }
        Ok(())
    }

    fn decoded(&self, name: &str) -> Result<Option<Cow<'a, str>>, Mismatch> {
        let Some(value) = self.one(name)? else { return Ok(None) };
        match sentinel::decode(value) {
            Some(text) => Ok(Some(text)),
            None => Err(mismatch(name, "cannot be decoded")),
        }
    }

    fn literal(&self, name: &str) -> Result<Option<&'a str>, Mismatch> {
        let Some(value) = self.one(name)? else { return Ok(None) };
        match sentinel::literal(value) {
            Some(text) => Ok(Some(text)),
            None => Err(mismatch(name, "holds what a header cannot")),
        }
    }

    /// The only value of a header. Of two, a proxy before us may have believed the other.
    fn one(&self, name: &str) -> Result<Option<&'a [u8]>, Mismatch> {
        let mut values = self.list.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(mismatch(name, "came twice")),
            (first, None) => Ok(first.map(|(_, value)| *value)),
        }
    }
}

fn same(header: &str, received: Option<&str>, body: Option<&str>) -> Result<(), Mismatch> {
    match (received, body) {
        (Some(received), Some(body)) if received == body => Ok(()),
        (Some(_), Some(_)) => Err(mismatch(header, "differs from the body")),
        (None, Some(_)) => Err(mismatch(header, "is missing")),
        (Some(_), None) => Err(mismatch(header, "is not expected")),
        (None, None) => Ok(()),
    }
}

fn mismatch(header: &str, problem: &'static str) -> Mismatch {
    Mismatch { header: header.into(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::mirrors;
    use crate::json::{Document, Limits, Mode};

    fn received<'a>(headers: &[(&'a str, &'a str)]) -> Received<'a> {
        headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
    }

    fn call(method: &str, params: &str) -> Message {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params},
                "_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}}}}"#
        );
        Message::scan(text.into(), &Limits::default()).unwrap()
    }

    const CALL: [(&str, &str); 3] = [
        ("mcp-protocol-version", "2026-07-28"),
        ("MCP-METHOD", "tools/call"),
        ("Mcp-Name", " foo "),
    ];

    #[test]
    fn headers_that_say_what_the_body_says_pass() {
        assert_eq!(received(&CALL).check(&call("tools/call", r#""name":"foo""#)), Ok(()));

        let encoded = [CALL[0], ("mcp-method", "resources/read"), ("mcp-name", "=?base64?w6k=?=")];
        assert_eq!(received(&encoded).check(&call("resources/read", r#""uri":"é""#)), Ok(()));

        let task = [CALL[0], ("mcp-method", "tasks/get"), ("mcp-name", "t")];
        assert_eq!(received(&task).check(&call("tasks/get", r#""taskId":"t""#)), Ok(()));

        let list = [CALL[0], ("mcp-method", "tools/list"), ("Mcp-Param-Unknown", "\u{1}")];
        assert_eq!(received(&list).check(&call("tools/list", r#""cursor":"""#)), Ok(()));
    }

    #[test]
    fn what_we_send_passes_our_own_check() {
        let message = call("tools/call", r#""name":" é""#);

        let sent = crate::headers::standard(&message);

        let sent: Vec<_> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(received(&sent).check(&message), Ok(()));
        assert_eq!(sent.len(), 3);
    }

    #[test]
    fn headers_that_disagree_with_the_body_are_refused() {
        let body = call("tools/call", r#""name":"foo""#);
        let [version, method, name] = CALL;
        for (headers, problem) in [
            (vec![version, ("mcp-method", "tools/list"), name], "Mcp-Method differs from the body"),
            (vec![version, ("mcp-method", "TOOLS/CALL"), name], "Mcp-Method differs from the body"),
            (vec![version, method, ("mcp-name", "bar")], "Mcp-Name differs from the body"),
            (vec![version, method, ("mcp-name", "Foo")], "Mcp-Name differs from the body"),
            (
                vec![version, method, ("mcp-name", "=?base64?SGVsbG8?=")],
                "Mcp-Name cannot be decoded",
            ),
            (vec![version, name], "Mcp-Method is missing"),
            (vec![version, method], "Mcp-Name is missing"),
            (vec![method, name], "MCP-Protocol-Version is missing"),
            (
                vec![("mcp-protocol-version", "2025-11-25"), method, name],
                "MCP-Protocol-Version differs from the body",
            ),
            (vec![version, method, method, name], "Mcp-Method came twice"),
            (vec![version, method, name, ("mcp-name", "foo")], "Mcp-Name came twice"),
            (
                vec![version, ("mcp-method", "tools/call\u{e9}"), name],
                "Mcp-Method holds what a header cannot",
            ),
        ] {
            let mismatch = received(&headers).check(&body).unwrap_err();
            assert_eq!(mismatch.to_string(), format!("header {problem}"));
        }
        let nameless = call("tools/call", r#""x":1"#);
        let unexpected = received(&CALL).check(&nameless).unwrap_err();
        assert_eq!(unexpected.to_string(), "header Mcp-Name is not expected");
        assert_eq!(Mismatch::CODE, -32020);
    }

    #[test]
    fn notifications_have_no_header_rules() {
        let text = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
        let message = Message::scan(text.into(), &Limits::default()).unwrap();

        assert_eq!(received(&[("mcp-method", "x")]).check(&message), Ok(()));
    }

    #[test]
    fn mirrored_arguments_are_compared_with_the_body() {
        let schema = r#"{"properties":{"region":{"type":"string","x-mcp-header":"Region"},
            "count":{"type":"integer","x-mcp-header":"Count"}}}"#;
        let schema = Document::parse(schema.into(), &Limits::default(), Mode::Strict).unwrap();
        let mirrors = mirrors(&schema.root().object().unwrap()).unwrap();
        let check = |headers: &[(&str, &str)], arguments: &str| {
            let text = arguments.to_owned().into();
            let document = Document::parse(text, &Limits::default(), Mode::Strict).unwrap();
            let arguments = document.root().object().unwrap();
            received(headers)
                .check_arguments(&mirrors, Some(&arguments))
                .map_err(|mismatch| mismatch.to_string())
        };
        let region = ("mcp-param-REGION", "eu");
        let count = ("Mcp-Param-Count", "42");
        let refused = |problem: &str| Err(format!("header {problem}"));

        assert_eq!(check(&[region, count], r#"{"region":"eu","count":42}"#), Ok(()));
        assert_eq!(check(&[count], r#"{"region":null,"count":42.0}"#), Ok(()));
        assert_eq!(check(&[("mcp-param-count", "42.0")], r#"{"count":42}"#), Ok(()));
        assert_eq!(check(&[("mcp-param-other", "x")], "{}"), Ok(()));
        assert_eq!(check(&[], r#"{"region":"eu"}"#), refused("Mcp-Param-Region is missing"));
        assert_eq!(check(&[region], "{}"), refused("Mcp-Param-Region is not expected"));
        assert_eq!(
            check(&[region], r#"{"region":null}"#),
            refused("Mcp-Param-Region is not expected")
        );
        assert_eq!(
            check(&[region], r#"{"region":"EU"}"#),
            refused("Mcp-Param-Region differs from the body")
        );
        assert_eq!(
            check(&[region, region], r#"{"region":"eu"}"#),
            refused("Mcp-Param-Region came twice")
        );
        for other in ["43", "0x2a", "+42", "inf", "", "42 0", "42.5"] {
            assert_eq!(
                check(&[("mcp-param-count", other)], r#"{"count":42}"#),
                refused("Mcp-Param-Count differs from the body"),
                "{other}"
            );
        }
        assert_eq!(
            check(&[("mcp-param-count", "9007199254740993")], r#"{"count":9007199254740993}"#),
            refused("Mcp-Param-Count mirrors an argument that no header can carry")
        );
    }
}

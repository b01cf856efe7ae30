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

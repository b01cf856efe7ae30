//! Which endpoint is a path? Of the whole gateway or of a toolset, and for which transport.

/// What is spoken at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP, of every revision that has it.
    Streamable,
    /// The same where some clients look for it, for POST alone.
    Root,
    /// HTTP+SSE of 2024-11-05: where clients hear what we say.
    Stream,
    /// HTTP+SSE of 2024-11-05: where clients send what they say.
    Messages,
}

/// One endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// What is spoken there.
    pub transport: Transport,
    /// The name of the toolset that is there; `None` for the whole gateway.
    pub toolset: Option<&'a str>,
}

impl<'a> Endpoint<'a> {
    /// The endpoint at a path, whether or not there is such a toolset.
    pub fn at(path: &'a str) -> Option<Endpoint<'a>> {
        if path == "/" {
            return Some(Endpoint { transport: Transport::Root, toolset: None });
        }
        let path = path.strip_prefix('/')?;
        let (first, toolset) = match path.split_once('/') {
            Some((first, name)) => (first, Some(name)),
            None => (path, None),
        };
        let transport = match first {
            "mcp" => Transport::Streamable,
            "sse" => Transport::Stream,
            "messages" => Transport::Messages,
            _ => return None,
        };
        Some(Endpoint { transport, toolset })
    }
}

/// The path of Streamable HTTP.
pub fn streamable(toolset: Option<&str>) -> String {
    below("/mcp", toolset)
}

/// The path of the stream of HTTP+SSE.
pub fn stream(toolset: Option<&str>) -> String {
    below("/sse", toolset)
}

/// The path of the messages of HTTP+SSE.
pub fn messages(toolset: Option<&str>) -> String {
    below("/messages", toolset)
}

fn below(path: &str, toolset: Option<&str>) -> String {
    match toolset {
        // A name that passed the checks of the configuration needs no escape.
        Some(name) => format!("{path}/{name}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_the_whole_or_to_a_toolset() {
        let at = |path| Endpoint::at(path).map(|it| (it.transport, it.toolset));

        assert_eq!(at("/"), Some((Transport::Root, None)));
        assert_eq!(at("/mcp"), Some((Transport::Streamable, None)));
        assert_eq!(at("/mcp/crm"), Some((Transport::Streamable, Some("crm"))));
        assert_eq!(at("/sse/crm"), Some((Transport::Stream, Some("crm"))));
        assert_eq!(at("/messages/crm"), Some((Transport::Messages, Some("crm"))));
        // No name that a configuration allows.
        assert_eq!(at("/mcp/"), Some((Transport::Streamable, Some(""))));
        assert_eq!(at("/mcp/crm/x"), Some((Transport::Streamable, Some("crm/x"))));
        for path in ["", "mcp", "//mcp", "/mcpx", "/health", "/.well-known/x"] {
            assert_eq!(at(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_told_to_clients_leads_back() {
        for toolset in [None, Some("crm")] {
            let paths = [streamable(toolset), stream(toolset), messages(toolset)];
            let found = paths.each_ref().map(|path| Endpoint::at(path).unwrap());
            assert!(found.iter().all(|endpoint| endpoint.toolset == toolset));
            let transports = found.map(|endpoint| endpoint.transport);
            assert_eq!(transports, [Transport::Streamable, Transport::Stream, Transport::Messages]);
        }
    }
}

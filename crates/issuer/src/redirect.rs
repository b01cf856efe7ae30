//! Where a browser may be sent back to.

use http::Uri;

/// Whether a client may register `uri`: over TLS, to this machine, or to a program on it by a scheme
/// of its own (RFC 8252, section 7). Never to what a browser would run or read itself.
pub fn may_be_registered(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let sound = uri.len() <= 2048
        && uri.bytes().all(|byte| byte.is_ascii_graphic())
        && !uri.contains(['#', '"', '<', '>', '\\']);
    if !sound {
        return false;
    }
    match scheme.to_ascii_lowercase().as_str() {
        "https" => uri.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(|h| !h.is_empty())),
        "http" => loopback(uri).is_some(),
        "javascript" | "data" | "file" | "vbscript" | "blob" | "about" | "ws" | "wss" | "ftp" => {
            false
        }
        own => {
            !rest.is_empty()
                && own.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        }
    }
}

/// Whether `asked` is one of `registered`: exactly, but for the port of a program on this machine,
/// which it is given anew each time (RFC 8252, section 7.3; OAuth 2.1, section 2.3.1).
pub fn is_registered(asked: &str, registered: &[String]) -> bool {
    registered.iter().any(|known| {
        known == asked
            || match (loopback(known), loopback(asked)) {
                (Some(known), Some(asked)) => known == asked,
                _ => false,
            }
    })
}

/// Host and path with query of a plain URL that leads to this machine.
fn loopback(uri: &str) -> Option<(String, String)> {
    let parsed: Uri = uri.parse().ok()?;
    let plain = parsed.scheme_str() == Some("http") && !uri.contains(['@', '#']);
    let host = parsed.host().filter(|host| matches!(*host, "127.0.0.1" | "[::1]" | "localhost"))?;
    let path = parsed.path_and_query().map_or("/", |path| path.as_str());
    plain.then(|| (host.to_owned(), path.to_owned()))
}

/// `uri` with further parameters.
pub fn with(uri: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut out = uri.to_owned();
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        out.push(if out.contains('?') { '&' } else { '?' });
        out.push_str(name);
        out.push('=');
        out.push_str(&crate::ask::encoded(value));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_clients_and_nowhere_else() {
        for good in [
            "https://client.example/cb",
            "http://127.0.0.1:3000/cb",
            "http://localhost/cb",
            "http://[::1]:1/cb",
            "cursor://anysphere.cursor/cb",
            "com.example.app:/cb",
        ] {
            assert!(may_be_registered(good), "{good}");
        }
        for bad in [
            "http://client.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1@evil.example/cb",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://client.example/cb#x",
            "https:///cb",
            "https://a.example/ b",
            "https://a.example/\r\nx",
            "/cb",
            "",
        ] {
            assert!(!may_be_registered(bad), "{bad}");
        }
    }

    #[test]
    fn the_way_back_is_exact_but_for_the_port_of_a_local_program() {
        let known = ["https://client.example/cb".to_owned(), "http://127.0.0.1/cb".to_owned()];
        for good in ["https://client.example/cb", "http://127.0.0.1:49152/cb"] {
            assert!(is_registered(good, &known), "{good}");
        }
        for bad in [
            "https://client.example/cb/",
            "https://client.example/cb?x=1",
            "https://client.example:8443/cb",
            "https://client.example/CB",
            "https://evil.example/cb",
            "http://127.0.0.1:1/other",
            "http://localhost:1/cb",
            "https://127.0.0.1/cb",
        ] {
            assert!(!is_registered(bad, &known), "{bad}");
        }
    }
}

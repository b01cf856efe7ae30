//! What tells of the inside of a system: addresses of private networks, connection strings.

use std::ops::Range;

/// No host or connection string reaches further, in bytes.
const LONGEST: usize = 2048;
/// Databases and queues, by the schemes of their connection strings.
const STORES: &[&str] = &[
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "mongodb",
    "mongodb+srv",
    "redis",
    "rediss",
    "amqp",
    "amqps",
    "sqlserver",
    "mssql",
    "oracle",
    "clickhouse",
    "cassandra",
    "nats",
    "kafka",
    "memcached",
    "ldap",
    "ldaps",
    "smtp",
    "smtps",
    "ftp",
    "sftp",
];
/// The ends of names that no public resolver knows.
const PRIVATE_ENDS: &[&str] = &[
    ".internal",
    ".local",
    ".localhost",
    ".localdomain",
    ".lan",
    ".corp",
    ".intranet",
    ".private",
    ".home.arpa",
    ".svc",
    ".cluster.local",
    ".consul",
];
/// Members of connection strings that name a host.
const HOSTS: &[&[u8]] = &[b"server=", b"data source=", b"host=", b"addr=", b"hostaddr="];

/// The connection string whose `://` stands at `at`.
pub(super) fn connection(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = scheme(text, at);
    let scheme = text.get(start..at)?;
    // `jdbc:mysql://` and the like are as telling.
    let is_jdbc = text
        .get(start.saturating_sub(5)..start)
        .is_some_and(|before| before.eq_ignore_ascii_case(b"jdbc:"));
    let is_store = |store: &&str| store.as_bytes().eq_ignore_ascii_case(scheme);
    if !is_jdbc && !STORES.iter().any(is_store) {
        return None;
    }
    let start = if is_jdbc { start - 5 } else { start };
    let end = end_of_url(text, at + 3);
    (end > at + 3).then_some(start..end)
}

/// The connection string of `name=value` pairs around the password at `at`.
pub(super) fn pairs(text: &[u8], at: usize) -> Option<Range<usize>> {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'<' | b'>');
    let before = text.get(at.saturating_sub(LONGEST)..at)?;
    let start = at - before.iter().rev().take_while(|byte| !is_end(byte)).count();
    let after = text.get(at..text.len().min(at + LONGEST))?;
    let end = at + after.iter().take_while(|byte| !is_end(byte)).count();
    let whole = text.get(start..end)?.to_ascii_lowercase();
    let first = HOSTS.iter().filter_map(|host| memchr::memmem::find(&whole, host)).min()?;
    let is_list = memchr::memchr(b';', &whole).is_some();
    // Without semicolons, spaces part the pairs (libpq): nothing else may stand between them.
    let from = start + first.min(at - start);
    let pairs = text.get(from..end)?;
    let spaced = || pairs.split(|byte| *byte == b' ').take_while(|word| word.contains(&b'='));
    let length = match is_list {
        true => pairs.len(),
        false => spaced().map(|word| word.len() + 1).sum::<usize>().saturating_sub(1),
    };
    let range = from..from + length;
    range.contains(&at).then_some(range)
}

/// The URL of a private network whose `://` stands at `at`.
pub(super) fn url(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = scheme(text, at);
    let scheme = text.get(start..at)?;
    let is_web = [&b"http"[..], b"https", b"ws", b"wss", b"tcp", b"grpc", b"udp"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    if !is_web {
        return None;
    }
    // The authority first: most are public, and a text may be full of URLs.
    let rest = text.get(at + 3..text.len().min(at + 3 + LONGEST))?;
    let ends = |byte: &u8| is_end_of_url(*byte) || matches!(byte, b'/' | b'?' | b'#');
    let authority = rest.split(ends).next()?;
    let authority = authority.get(..without_stops(authority))?;
    let host = authority.rsplit(|byte| *byte == b'@').next()?;
    is_private_host(host).then(|| start..end_of_url(text, at + 3))
}

/// The bare address of a private network that begins at `at`, with its port.
pub(super) fn address(text: &[u8], at: usize) -> Option<Range<usize>> {
    if at > 0 && text.get(at - 1).is_some_and(|b| b.is_ascii_alphanumeric() || b".-_".contains(b)) {
        return None;
    }
    let rest = text.get(at..text.len().min(at + 32))?;
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':');
    let mut length = rest.iter().take_while(is_part).count();
    while length > 0 && matches!(rest.get(length - 1), Some(b'.' | b':')) {
        length -= 1;
    }
    let host = rest.get(..length)?;
    let name = host.split(|byte| *byte == b':').next()?;
    // `localhost` tells something with its port alone, and `10.` may number an item of a list.
    let is_told = match name.eq_ignore_ascii_case(b"localhost") {
        true => name.len() < host.len(),
        false => memchr::memchr(b'.', name).is_some_and(|dot| dot + 1 < name.len()),
    };
    (is_told && is_private_host(host)).then_some(at..at + length)
}

fn scheme(text: &[u8], at: usize) -> usize {
    let before = text.get(at.saturating_sub(24)..at).unwrap_or_default();
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-');
    at - before.iter().rev().take_while(is_part).count()
}

fn end_of_url(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..text.len().min(from + LONGEST)).unwrap_or_default();
    let length = rest.iter().take_while(|byte| !is_end_of_url(**byte)).count();
    from + without_stops(rest.get(..length).unwrap_or_default())
}

fn is_end_of_url(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'|')
}

/// The length without what ends a sentence, which does not belong to the address.
fn without_stops(url: &[u8]) -> usize {
    let is_stop = |byte: &&u8| matches!(byte, b'.' | b',' | b';' | b':' | b'!' | b')' | b'}');
    url.len() - url.iter().rev().take_while(is_stop).count()
}

fn is_private_host(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.split(']').next().unwrap_or_default();
        return address.parse::<std::net::Ipv6Addr>().is_ok_and(|address| {
            address.is_loopback()
                || address.is_unspecified()
                || address.segments()[0] & 0xfe00 == 0xfc00
                || address.segments()[0] & 0xffc0 == 0xfe80
        });
    }
    let name = host.split(':').next().unwrap_or_default();
    if let Ok(address) = name.parse::<std::net::Ipv4Addr>() {
        return address.is_private() || address.is_loopback() || address.is_link_local();
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_word =
        name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let is_single = !name.contains('.') && name.len() > 1;
    is_word && (is_single || PRIVATE_ENDS.iter().any(|end| name.ends_with(end)))
}

//! What the program that the gateway is built into says beside the file: its name, its own servers,
//! and where to listen.

use super::node::{Member, Node, Value};
use super::sources::Sources;

/// Adds the servers of the program that the file does not mention, where it listens, and its name
/// unless the file has one. What the file says of its servers holds.
pub(super) fn join(root: &mut Node, sources: &dyn Sources) {
    let place = root.place.clone();
    let member = |key: &str, value| Member {
        key: key.to_owned(),
        node: Node::new(place.key(key, place.line), value),
    };
    let Value::Map(members) = &mut root.value else { return };
    if let Some(listen) = sources.listen() {
        members.retain(|known| known.key != "listen");
        members.push(member("listen", Value::Text(listen.to_string())));
    }
    if let Some(info) = sources.server_info()
        && !members.iter().any(|known| known.key == "name")
    {
        members.push(member("name", Value::Text(info.name.clone())));
    }
    if sources.hosted().is_empty() {
        return;
    }
    if !members.iter().any(|known| known.key == "servers") {
        members.push(member("servers", Value::List(Vec::new())));
    }
    // Of another shape than a list: that is told where shapes are looked at.
    let Some(Value::List(servers)) = root.member_mut("servers").map(|it| &mut it.value) else {
        return;
    };
    for name in sources.hosted() {
        let is_name = |it: &Node| it.text() == Some(name.as_str());
        if servers.iter().any(|server| server.member("name").is_some_and(is_name)) {
            continue;
        }
        let name = member("name", Value::Text(name.as_str().to_owned()));
        let hosted = member("hosted", Value::Map(Vec::new()));
        servers.push(Node::new(place.clone(), Value::Map(vec![name, hosted])));
    }
}

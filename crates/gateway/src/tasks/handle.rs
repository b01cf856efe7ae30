//! What a published task id says: where the task runs, whose it is, and how to get back to it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use toolgate_protocol::client::{Abilities, Client};
use toolgate_protocol::version::Version;

use crate::call::{Caller, Request};
use crate::gateway::{Gateway, Route};
use crate::seal::{Keyring, Purpose};

/// The content of a published task id. The same task always has the same id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Handle {
    /// The server that runs it.
    #[serde(rename = "s")]
    pub server: String,
    /// What that server calls it.
    #[serde(rename = "t")]
    pub task: String,
    #[serde(rename = "p")]
    principal: String,
    /// The tool that began it, where not everything is for everybody.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Set for a task of a legacy server that was handed to a modern client.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<Bridge>,
}

/// The way back into the session with a legacy server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Bridge {
    /// What the session was opened with: a modern client may declare something else each time.
    #[serde(rename = "a")]
    abilities: u8,
    /// The replica that holds the session.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<String>,
}

impl Handle {
    /// For a task that is relayed as it is.
    pub(crate) fn relayed(server: &str, caller: &Caller, task: &str) -> Handle {
        Handle {
            server: server.to_owned(),
            task: task.to_owned(),
            principal: caller.principal.to_string(),
            tool: None,
            bridge: None,
        }
    }

    /// The same, begun by this tool.
    pub(crate) fn begun_by(self, tool: Option<&str>) -> Handle {
        Handle { tool: tool.map(str::to_owned), ..self }
    }

    /// For a task that was created for this request of a modern client.
    pub(super) fn bridged(
        gateway: &Gateway,
        route: &Route,
        request: &Request,
        task: String,
    ) -> Handle {
        let bridge = Bridge {
            abilities: request.client.abilities().bits(),
            replica: gateway.replica.as_deref().map(str::to_owned),
        };
        let relayed = Handle::relayed(&route.name, &request.who.caller, &task);
        let tool = request.named().filter(|_| gateway.hides());
        Handle { bridge: Some(bridge), ..relayed }.begun_by(tool.as_deref())
    }

    /// The id for the client.
    pub(crate) fn seal(&self, keys: &Keyring) -> String {
        keys.seal_stable(Purpose::Task, self)
    }

    /// Opens an id for this caller; `None` for what is not its own, or no id of ours.
    pub(crate) fn open(id: &str, caller: &Caller, keys: &Keyring) -> Option<Handle> {
        Handle::peek(id, keys).filter(|handle| *handle.principal == *caller.principal)
    }

    /// Opens an id whoever holds it: for ids that never left the gateway.
    pub(super) fn peek(id: &str, keys: &Keyring) -> Option<Handle> {
        keys.open(Purpose::Task, id)
    }
}

impl Bridge {
    /// Makes a client look as it did when the session was opened.
    pub(super) fn enter(&self, client: &mut Client) {
        let abilities = Abilities::from_bits(self.abilities);
        client.capabilities = Bytes::from(abilities.declare(Version::NEWEST));
    }
}

impl Gateway {
    /// Which server runs the task with this published id, and what the id says.
    pub(crate) fn owner_of_task(&self, id: &str, caller: &Caller) -> Option<(&Route, Handle)> {
        let handle = Handle::open(id, caller, self.keys())?;
        Some((self.route_named(&handle.server)?, handle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::caller;

    #[test]
    fn a_task_has_one_id_and_only_its_caller_can_use_it() {
        let keys = Keyring::new([&b"a secret"[..]]).unwrap();
        let (ada, eve) = (caller("ada"), caller("eve"));

        let id = Handle::relayed("crm", &ada, "t-1").seal(&keys);

        assert_eq!(id, Handle::relayed("crm", &ada, "t-1").seal(&keys));
        let opened = Handle::open(&id, &ada, &keys).unwrap();
        assert_eq!((&*opened.server, &*opened.task), ("crm", "t-1"));
        assert!(Handle::open(&id, &eve, &keys).is_none());
        assert!(Handle::open("t-1", &ada, &keys).is_none());
    }
}

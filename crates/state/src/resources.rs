//! Values as resources: `state://cart/HANDLE`.

use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_gateway::config::servers::state::Scope;
use toolgate_gateway::fault::Fault;
use toolgate_gateway::store::Name;
use toolgate_hosted::{Answer, Failed, Paged, Refusal};

use crate::State;
use crate::definitions::PAGES;
use crate::entry::moment;
use crate::shelf::Shelf;

#[derive(Deserialize)]
pub(crate) struct Located {
    uri: String,
}

impl State {
    fn root(&self) -> String {
        format!("state://{}/", self.rules.noun)
    }

    pub(crate) fn templates(&self) -> Answer {
        let (noun, one) = (&self.words.noun, &self.words.one);
        json!({ "resourceTemplates": [{
            "uriTemplate": format!("{}{{handle}}", self.root()),
            "name": self.rules.noun,
            "title": format!("{one} by its handle"),
            "description": format!(
                "One {noun} with its version, as {} returns it.", self.words.get
            ),
            "mimeType": "application/json",
        }] })
        .into()
    }

    pub(crate) async fn list_resources(
        &self,
        shelf: &Shelf,
        paged: &Paged,
    ) -> Result<Answer, Failed> {
        if self.rules.scope == Scope::Session {
            // A list that stands in for a server that is silent is one for all sessions of a caller.
            return Ok(json!({ "resources": [] }).into());
        }
        let page = self.page(shelf, paged.cursor.as_deref(), PAGES).await;
        // Of a list, unlike of a tool, a wrong cursor is the client's mistake (MCP, pagination).
        let page = page.map_err(|fault| match paged.cursor {
            Some(_) if !fault.reason.retryable() => Refusal::invalid("invalid cursor").into(),
            _ => Failed::Fault(fault),
        })?;
        let resources = page.entries.iter().map(|(handle, entry)| {
            let handle = handle.to_string();
            json!({
                "uri": format!("{}{handle}", self.root()),
                "name": entry.label.as_deref().unwrap_or(&handle),
                "mimeType": "application/json",
                "annotations": { "lastModified": moment(entry.changed) },
            })
        });
        let mut list = json!({ "resources": resources.collect::<Vec<Value>>() });
        if let Some(next) = page.next {
            list["nextCursor"] = next.into();
        }
        Ok(list.into())
    }

    pub(crate) async fn read_resource(
        &self,
        shelf: &Shelf,
        Located { uri }: &Located,
    ) -> Result<Answer, Failed> {
        let absent = || Refusal::invalid("resource not found").with(json!({ "uri": uri }));
        let handle = uri.strip_prefix(&self.root()).and_then(Name::of_text).ok_or_else(absent)?;
        let entry = self.get(shelf, handle).await.map_err(|fault: Fault| {
            if fault.reason.retryable() { Failed::Fault(fault) } else { absent().into() }
        })?;
        let text = entry.whole(handle).to_string();
        let contents = json!({ "uri": uri, "mimeType": "application/json", "text": text });
        Ok(json!({ "contents": [contents] }).into())
    }
}

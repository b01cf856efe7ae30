//! What a message asks for, and what that says about how it travels.

/// A request method. Unknown ones travel by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `server/discover` (modern).
    Discover,
    /// `initialize` (legacy).
    Initialize,
    /// `ping` (legacy).
    Ping,
    /// `tools/list`.
    ToolsList,
    /// `tools/call`.
    ToolsCall,
    /// `resources/list`.
    ResourcesList,
    /// `resources/templates/list`.
    TemplatesList,
    /// `resources/read`.
    ResourcesRead,
    /// `resources/subscribe` (legacy).
    ResourcesSubscribe,
    /// `resources/unsubscribe` (legacy).
    ResourcesUnsubscribe,
    /// `prompts/list`.
    PromptsList,
    /// `prompts/get`.
    PromptsGet,
    /// `completion/complete`.
    Complete,
    /// `logging/setLevel` (legacy).
    SetLevel,
    /// `subscriptions/listen` (modern).
    Listen,
    /// `tasks/get`: both task forms.
    TasksGet,
    /// `tasks/update`: the tasks extension.
    TasksUpdate,
    /// `tasks/cancel`: both task forms.
    TasksCancel,
    /// `tasks/result`: 2025-11-25 only.
    TasksResult,
    /// `tasks/list`: 2025-11-25 only.
    TasksList,
    /// Anything else.
    Other(Box<str>),
}

/// What a request names, and so what its route hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `params.name` is a tool.
    Tool,
    /// `params.name` is a prompt.
    Prompt,
    /// `params.uri` is a resource.
    Resource,
    /// `params.taskId` is a task.
    Task,
    /// `params.ref` is a prompt or a resource template.
    Reference,
    /// Nothing: every upstream is asked, or none.
    Nothing,
}

impl Method {
    /// The method of this name.
    pub fn parse(name: &str) -> Method {
        match name {
            "server/discover" => Method::Discover,
            "initialize" => Method::Initialize,
            "ping" => Method::Ping,
            "tools/list" => Method::ToolsList,
            "tools/call" => Method::ToolsCall,
            "resources/list" => Method::ResourcesList,
            "resources/templates/list" => Method::TemplatesList,
            "resources/read" => Method::ResourcesRead,
            "resources/subscribe" => Method::ResourcesSubscribe,
            "resources/unsubscribe" => Method::ResourcesUnsubscribe,
            "prompts/list" => Method::PromptsList,
            "prompts/get" => Method::PromptsGet,
            "completion/complete" => Method::Complete,
            "logging/setLevel" => Method::SetLevel,
            "subscriptions/listen" => Method::Listen,
            "tasks/get" => Method::TasksGet,
            "tasks/update" => Method::TasksUpdate,
            "tasks/cancel" => Method::TasksCancel,
            "tasks/result" => Method::TasksResult,
            "tasks/list" => Method::TasksList,
            other => Method::Other(other.into()),
        }
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Discover => "server/discover",
            Method::Initialize => "initialize",
            Method::Ping => "ping",
            Method::ToolsList => "tools/list",
            Method::ToolsCall => "tools/call",
            Method::ResourcesList => "resources/list",
            Method::TemplatesList => "resources/templates/list",
            Method::ResourcesRead => "resources/read",
            Method::ResourcesSubscribe => "resources/subscribe",
            Method::ResourcesUnsubscribe => "resources/unsubscribe",
            Method::PromptsList => "prompts/list",
            Method::PromptsGet => "prompts/get",
            Method::Complete => "completion/complete",
            Method::SetLevel => "logging/setLevel",
            Method::Listen => "subscriptions/listen",
            Method::TasksGet => "tasks/get",
            Method::TasksUpdate => "tasks/update",
            Method::TasksCancel => "tasks/cancel",
            Method::TasksResult => "tasks/result",
            Method::TasksList => "tasks/list",
            Method::Other(name) => name,
        }
    }

    /// A name from a closed set, for metrics: what a peer invents must not become a label.
    pub fn label(&self) -> &str {
        match self {
            Method::Other(_) => "other",
            known => known.as_str(),
        }
    }

    /// What the request names.
    pub fn target(&self) -> Target {
        match self {
            Method::ToolsCall => Target::Tool,
            Method::PromptsGet => Target::Prompt,
            Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
                Target::Resource
            }
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel | Method::TasksResult => {
                Target::Task
            }
            Method::Complete => Target::Reference,
            _ => Target::Nothing,
        }
    }

    /// The member of `params` that holds the name, mirrored in `Mcp-Name`
    /// (2026-07-28, transports: standard request headers).
    pub fn named_by(&self) -> Option<&'static str> {
        match self.target() {
            Target::Tool | Target::Prompt => Some("name"),
            Target::Resource => Some("uri"),
            Target::Task => Some("taskId"),
            Target::Reference | Target::Nothing => None,
        }
    }

    /// Whether a modern server may answer it with `input_required` (2026-07-28, MRTR).
    pub fn may_ask_back(&self) -> bool {
        matches!(self, Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead)
    }

    /// Whether its complete result must carry `ttlMs` and `cacheScope` (2026-07-28, caching).
    pub fn is_cacheable(&self) -> bool {
        matches!(self, Method::Discover | Method::ResourcesRead) || self.is_list()
    }

    /// Whether it is one of the four paged lists.
    pub fn is_list(&self) -> bool {
        self.list_member().is_some()
    }

    /// The member of the result that holds the entries of a list.
    pub fn list_member(&self) -> Option<&'static str> {
        match self {
            Method::ToolsList => Some("tools"),
            Method::ResourcesList => Some("resources"),
            Method::TemplatesList => Some("resourceTemplates"),
            Method::PromptsList => Some("prompts"),
            _ => None,
        }
    }

    /// Whether it concerns a task, in either form.
    pub fn is_task(&self) -> bool {
        self.target() == Target::Task || *self == Method::TasksList
    }

    /// Whether the modern era has removed it, so that a modern request for it is
    /// answered "method not found" (protocol 2026-07-28, changelog).
    pub fn is_legacy_only(&self) -> bool {
        matches!(
            self,
            Method::Initialize
                | Method::Ping
                | Method::SetLevel
                | Method::ResourcesSubscribe
                | Method::ResourcesUnsubscribe
                | Method::TasksResult
                | Method::TasksList
        )
    }

    /// Whether only the modern era has it.
    pub fn is_modern_only(&self) -> bool {
        matches!(self, Method::Discover | Method::Listen | Method::TasksUpdate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for name in ["server/discover", "tools/call", "tasks/list", "vendor/thing", ""] {
            assert_eq!(Method::parse(name).as_str(), name);
        }
    }

    #[test]
    fn an_invented_method_never_becomes_a_label() {
        assert_eq!(Method::parse("evil\nlabel").label(), "other");
    }
}

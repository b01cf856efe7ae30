//! What clients see: descriptions decide whether a model uses a tool, so they say what it does, when
//! to use it, what it takes, and what it returns and changes.

use rmcp::handler::server::common::Extension;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{
    ErrorData, Implementation, ListResourcesResult, PaginatedRequestParams, PromptMessage,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
    ResourceContents, Role, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{
    RoleServer, ServerHandler, prompt, prompt_handler, prompt_router, tool, tool_handler,
    tool_router,
};
use toolgate::Context;

use crate::glossary;

const TERMS: &str = "glossary://terms";

/// The server. What it keeps in itself is shared by all callers.
pub struct Server;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Term {
    /// The term, such as `upstream`.
    #[schemars(length(min = 1, max = 60))]
    term: String,
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Definition {
    /// The term as the glossary writes it.
    term: String,
    /// What it means.
    meaning: String,
}

#[tool_router]
impl Server {
    #[tool(
        description = "Looks up what a term of this project means. Use it when a term may have a \
                       special meaning here; not for general knowledge. Takes the term. Returns the \
                       term and its meaning, and changes nothing.",
        annotations(
            title = "Define a term",
            read_only_hint = true,
            destructive_hint = false,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn define_term(
        &self,
        Parameters(Term { term }): Parameters<Term>,
        // Who calls, until when, and a way to tell progress.
        Extension(context): Extension<Context>,
    ) -> Result<Json<Definition>, String> {
        context.progress(1.0, Some(1.0), None).await;
        let Some(entry) = glossary::find(&term) else {
            let known: Vec<_> = glossary::all().iter().map(|entry| entry.term).collect();
            return Err(format!("no such term; there are {}", known.join(", ")));
        };
        Ok(Json(Definition { term: entry.term.into(), meaning: entry.meaning.into() }))
    }
}

#[prompt_router]
impl Server {
    #[prompt(
        name = "explain_term",
        description = "Asks for an explanation of a term in plain words."
    )]
    async fn explain_term(
        &self,
        Parameters(Term { term }): Parameters<Term>,
    ) -> Vec<PromptMessage> {
        let text = format!("Look up \"{term}\" with define_term and explain it in plain words.");
        vec![PromptMessage::new_text(Role::User, text)]
    }
}

#[tool_handler]
#[prompt_handler]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("my-server", env!("CARGO_PKG_VERSION")))
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let terms = Resource::new(TERMS, "terms")
            .with_description("All terms of the glossary, one on each line.")
            .with_mime_type("text/plain");
        Ok(ListResourcesResult::with_all_items(vec![terms]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if request.uri != TERMS {
            return Err(ErrorData::resource_not_found("no such resource", None));
        }
        let terms: Vec<_> = glossary::all().iter().map(|entry| entry.term).collect();
        let content = ResourceContents::text(terms.join("\n"), TERMS).with_mime_type("text/plain");
        Ok(ReadResourceResult::new(vec![content]).into())
    }
}

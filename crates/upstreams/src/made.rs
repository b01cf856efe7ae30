//! Servers that weigh something and are made from configuration, as far as this build has them.

use std::sync::Arc;

use toolgate_gateway::config::servers::http::HttpApi as HttpRules;
use toolgate_gateway::config::servers::openapi::OpenApi as OpenApiRules;
use toolgate_gateway::config::servers::sql::SqlRules;
use toolgate_gateway::config::servers::transform::Transform as TransformRules;
use toolgate_gateway::config::{Kind, Knowledge as KnowledgeRules, Limits, Server};
use toolgate_gateway::seal::Keyring;
use toolgate_gateway::upstream::Upstream;
use toolgate_hosted::Tool;

use crate::Shared;

type Made = Result<Arc<dyn Upstream>, String>;

/// What this build lacks for a server, in words; `None` when it has all.
pub fn lacking(kind: &Kind) -> Option<String> {
    let feature = match kind {
        Kind::Sql(_) if !cfg!(feature = "sql") => "sql",
        Kind::HttpApi(_) | Kind::OpenApi(_) if !cfg!(feature = "api") => "api",
        Kind::Knowledge(_) if !cfg!(feature = "knowledge") => "knowledge",
        Kind::Transform(_) if !cfg!(feature = "transform") => "transform",
        _ => return None,
    };
    Some(format!("this build has no such servers (build it with the feature {feature})"))
}

/// The tools of a server as it lists them, if this build has it and they are known here.
pub(crate) fn listed(kind: &Kind) -> Option<Vec<Tool>> {
    match kind {
        #[cfg(feature = "sql")]
        Kind::Sql(rules) => Some(toolgate_sql::tools(rules)),
        #[cfg(feature = "api")]
        Kind::HttpApi(rules) => toolgate_api::tools(rules),
        #[cfg(feature = "api")]
        Kind::OpenApi(rules) => toolgate_api::documented_tools(rules),
        #[cfg(feature = "knowledge")]
        Kind::Knowledge(rules) => Some(toolgate_knowledge::tools(rules)),
        #[cfg(feature = "transform")]
        Kind::Transform(rules) => Some(toolgate_transform::tools(rules)),
        _ => None,
    }
}

#[cfg(feature = "sql")]
pub(crate) fn sql(server: &Server, rules: &SqlRules, keys: &Arc<Keyring>) -> Made {
    let sql = toolgate_sql::Sql::new(server.name.as_str(), rules, keys.clone())?;
    Ok(crate::hosted(server, Arc::new(sql)))
}

#[cfg(not(feature = "sql"))]
pub(crate) fn sql(server: &Server, _: &SqlRules, _: &Arc<Keyring>) -> Made {
    absent(server)
}

#[cfg(feature = "api")]
pub(crate) fn http(server: &Server, rules: &HttpRules, limits: &Limits, shared: &Shared) -> Made {
    let api = toolgate_api::HttpApi::new(rules, engine(server, limits, shared))?;
    Ok(crate::hosted(server, Arc::new(api)))
}

#[cfg(not(feature = "api"))]
pub(crate) fn http(server: &Server, _: &HttpRules, _: &Limits, _: &Shared) -> Made {
    absent(server)
}

#[cfg(feature = "api")]
pub(crate) fn openapi(
    server: &Server,
    rules: &OpenApiRules,
    limits: &Limits,
    shared: &Shared,
) -> Made {
    let documents = crate::wire::Wire::new(&shared.proxies, toolgate_api::LARGEST_DOCUMENT);
    let engine = engine(server, limits, shared);
    let api = toolgate_api::OpenApi::new(rules, engine, Arc::new(documents), &shared.documents)?;
    Ok(crate::hosted(server, Arc::new(api)))
}

#[cfg(not(feature = "api"))]
pub(crate) fn openapi(server: &Server, _: &OpenApiRules, _: &Limits, _: &Shared) -> Made {
    absent(server)
}

/// What runs the calls of an API.
#[cfg(feature = "api")]
fn engine(server: &Server, limits: &Limits, shared: &Shared) -> toolgate_api::Engine {
    toolgate_api::Engine {
        name: server.name.as_str().into(),
        transport: Arc::new(crate::wire::Wire::new(&shared.proxies, limits.reply.bytes())),
        budget: server.timeout,
        largest: limits.reply.bytes(),
    }
}

#[cfg(feature = "knowledge")]
pub(crate) fn knowledge(server: &Server, rules: &KnowledgeRules, shared: &Shared) -> Made {
    use toolgate_knowledge::{Embedder, Knowledge, PdfReader};

    // PDFs are read by another process of this program.
    let reader = match crate::child::keeper::binary() {
        Some(program) => PdfReader::new(program.to_owned(), vec![crate::READ_PDF.to_owned()]),
        None => PdfReader::none(),
    };
    let embedder = match &rules.semantic {
        Some(semantic) => {
            let endpoint = crate::embeddings::Embeddings::new(semantic, &shared.proxies)?;
            Some(Arc::new(endpoint) as Arc<dyn Embedder>)
        }
        None => None,
    };
    Ok(crate::hosted(server, Arc::new(Knowledge::open(rules, reader, embedder)?)))
}

#[cfg(not(feature = "knowledge"))]
pub(crate) fn knowledge(server: &Server, _: &KnowledgeRules, _: &Shared) -> Made {
    absent(server)
}

#[cfg(feature = "transform")]
pub(crate) fn transform(server: &Server, rules: &TransformRules) -> Made {
    use toolgate_transform::{Transform, Worker};

    // Conversions are done by other processes of this program.
    let worker = match crate::child::keeper::binary() {
        Some(program) => Worker::new(program.to_owned(), vec![crate::TRANSFORM.to_owned()]),
        None => Worker::none(),
    };
    Ok(crate::hosted(server, Arc::new(Transform::new(rules, worker))))
}

#[cfg(not(feature = "transform"))]
pub(crate) fn transform(server: &Server, _: &TransformRules) -> Made {
    absent(server)
}

#[cfg(not(all(feature = "api", feature = "knowledge", feature = "sql", feature = "transform")))]
fn absent(server: &Server) -> Made {
    Err(lacking(&server.kind).unwrap_or_default())
}

//! The Cedar schema that policies are checked against, made from rules and catalog.

use std::collections::BTreeMap;

use cedar_policy::Schema;

use crate::rules::ValueType;
use crate::types::{Field, Type};

/// The schema with these claims, and with arguments of these types.
pub(crate) fn schema(
    claims: &BTreeMap<String, ValueType>,
    arguments: &BTreeMap<String, Field>,
) -> Result<Schema, String> {
    let text = text(claims, arguments);
    let (schema, _warnings) =
        Schema::from_cedarschema_str(&text).map_err(|error| error.to_string())?;
    Ok(schema)
}

fn text(claims: &BTreeMap<String, ValueType>, arguments: &BTreeMap<String, Field>) -> String {
    let claims = Type::Record(
        claims
            .iter()
            .map(|(name, of)| (name.clone(), Field { of: Type::from(*of), required: false }))
            .collect(),
    );
    let arguments = Type::Record(arguments.clone());
    let around = "session?: String, toolset?: String, ip?: ipaddr, revision?: String, \
                  time: datetime, touched: Set<String>";
    format!(
        "entity Role in [Role];
        entity Group;
        entity Server;
        entity Toolset;
        entity Caller in [Role, Group] {{
            principal: String, subject: String, tenant?: String, actor?: String, proof: String,
            anonymous: Bool, roles: Set<String>, groups: Set<String>, scopes: Set<String>,
            claims: {claims},
        }};
        entity Tool, Resource, Prompt, Method in [Server, Toolset] {{
            server: String, name: String, tags: Set<String>, toolsets: Set<String>,
            labels: Set<String>, required_scopes: Set<String>,
            declared: {{
                title?: String, readOnlyHint?: Bool, destructiveHint?: Bool,
                idempotentHint?: Bool, openWorldHint?: Bool,
            }},
        }};
        action call appliesTo {{
            principal: Caller, resource: Tool, context: {{ arguments: {arguments}, {around} }},
        }};
        action get appliesTo {{
            principal: Caller, resource: Prompt, context: {{ arguments: {arguments}, {around} }},
        }};
        action read appliesTo {{
            principal: Caller, resource: Resource, context: {{ {around} }},
        }};
        action send appliesTo {{
            principal: Caller, resource: Method, context: {{ {around} }},
        }};"
    )
}

//! The rules: what is looked for, why, and what to do about it. One table.

pub(crate) mod annotations;
pub(crate) mod collision;
mod disguise;
mod foreign;
pub(crate) mod hidden;
pub mod launch;
pub(crate) mod names;
pub(crate) mod pins;
pub(crate) mod poison;
pub(crate) mod schema;
pub mod secrets;
pub(crate) mod shadow;
pub(crate) mod thin;

use crate::finding::{Rule, Severity};

macro_rules! rules {
    ($($name:ident $id:literal $severity:ident $title:literal $why:literal $remedy:literal)+) => {
        $(#[doc = $title] pub static $name: Rule = Rule {
            id: $id,
            severity: Severity::$severity,
            title: $title,
            explanation: $why,
            remedy: $remedy,
        };)+

        /// All of them, in the order of their ids' families.
        pub static ALL: &[&Rule] = &[$(&$name),+];
    };
}

rules! {
    PSEUDO_TAG "TG-POISON-001" High
        "A tag that poses as a message of the system"
        "Models take text between such tags for orders of a higher rank than the user's."
        "Remove the tag; a description only describes."
    TEMPLATE "TG-POISON-002" High
        "Marks of a chat template"
        "Such marks end the tool's text and begin a message of somebody else, if the model's host does not escape them."
        "Remove them, or do not use this server."
    OVERRIDE "TG-POISON-003" High
        "Orders to ignore other orders"
        "Only an injected text asks a model to set aside what it was told before."
        "Do not use this server until its author has explained it."
    SECRECY "TG-POISON-004" High
        "Orders to hide something from the user"
        "A person who is not told cannot object."
        "Do not use this server until its author has explained it."
    SENSITIVE "TG-POISON-005" High
        "Orders to read keys or credentials"
        "Files such as ~/.ssh/id_rsa are what poisoned tools go for."
        "Do not use this server; a tool that needs a credential gets it by configuration."
    EXFILTRATION "TG-POISON-006" High
        "Orders to hand over conversations or secrets"
        "What a model puts into an argument reaches the server, and whoever runs it."
        "Do not use this server until its author has explained it."
    DESTINATION "TG-POISON-007" High
        "Orders to send something to a fixed address"
        "The user chooses a recipient, not a description."
        "Remove the address from the description."
    COERCION "TG-POISON-008" Medium
        "Claims to come before other tools"
        "A tool that must always be used first sees what was meant for others."
        "Say when the tool fits; leave the choice to the model."
    PERSONA "TG-POISON-009" High
        "Orders to be somebody else"
        "A description that tells the model who it is takes over the conversation."
        "Do not use this server until its author has explained it."
    UNASKED "TG-POISON-010" Medium
        "Orders to act without asking"
        "Confirmation is for the host and the person to decide on."
        "Remove the sentence, and set destructiveHint as it is."
    COMMAND "TG-POISON-011" High
        "A command line that fetches and runs"
        "A model with a shell may well run it."
        "Remove the command from the text."
    BEACON "TG-POISON-012" High
        "An image that carries data away"
        "A host that renders this asks the address for the image, and the address says whatever was put in."
        "Remove the image."
    CONVERSATION "TG-POISON-013" Medium
        "An argument that asks for the conversation"
        "A model fills in what the name says: its instructions, its history, its thoughts. The server gets them."
        "Name the argument after what the tool needs."
    INVISIBLE "TG-HIDDEN-001" High
        "Invisible characters"
        "A person does not see them, a model reads them: orders can be written in them alone."
        "Remove the characters."
    CONTROL "TG-HIDDEN-002" High
        "Control characters"
        "Terminals act on them: they can rewrite the screen and the clipboard."
        "Remove the characters."
    DIRECTION "TG-HIDDEN-003" High
        "Characters that change the direction of text"
        "What a person reads is in another order than what a model reads."
        "Remove the characters."
    OUT_OF_SIGHT "TG-HIDDEN-004" Medium
        "Text pushed out of sight"
        "After many blanks or empty lines few people read on; models do."
        "Remove the blanks, and read what follows."
    COMMENT "TG-HIDDEN-005" Medium
        "A comment that is not displayed"
        "Where Markdown or HTML is rendered a person does not see a comment, and a model does."
        "Remove the comment."
    ENCODED "TG-HIDDEN-006" Medium
        "Encoded text"
        "Models read Base64; people do not."
        "Write the text out, or remove it."
    MIXED_NAME "TG-NAME-001" High
        "A name with letters of another alphabet that look like ours"
        "A person who approves it believes it is another tool."
        "Use the letters A-Z, digits, _, - and . alone."
    LOOKALIKE "TG-NAME-002" High
        "Two names that look the same"
        "Models and people take one for the other."
        "Rename one, or remove the one that was not meant."
    ODD_NAME "TG-NAME-003" Low
        "A name outside the recommended alphabet"
        "The protocol recommends 1 to 128 letters, digits, _, - and . (2025-11-25, tools: tool names); some clients refuse others."
        "Rename the tool."
    TWICE "TG-NAME-004" High
        "One server defines a name twice"
        "Nobody can tell which of the two is meant, and an approval of one may cover the other."
        "Rename or remove one."
    SHADOWING "TG-SHADOW-001" Medium
        "Two servers define the same name"
        "Without names kept apart a call meant for one server reaches the other."
        "Serve them under prefixes, as Toolgate does by default, or hide one."
    CROSS_ORDER "TG-SHADOW-002" High
        "Orders for the use of another server's tool"
        "A definition that changes how another tool is used governs what it was never given."
        "Do not use this server until its author has explained it."
    CROSS_MENTION "TG-SHADOW-003" Low
        "A mention of another server's tool"
        "It may be coincidence; it is how shadowing begins."
        "Read the sentence."
    REMOTE_REF "TG-SCHEMA-001" High
        "A schema that refers to another machine"
        "Whoever follows it asks an address of the server's choice, possibly inside your network; and what it says can change unseen."
        "Write the schema out; refer only to #/$defs."
    NO_SCHEMA "TG-SCHEMA-002" Medium
        "No schema for the arguments"
        "Nothing can be validated, and a model has to guess."
        "Give inputSchema; for a tool without arguments {\"type\":\"object\",\"additionalProperties\":false}."
    OPEN_SCHEMA "TG-SCHEMA-003" Low
        "An argument of any shape"
        "What no schema bounds, no validation stops."
        "Name the properties, and set additionalProperties: false."
    EXECUTES "TG-SCHEMA-004" Medium
        "An argument that is run as it is written"
        "Whoever can influence the model can run commands or queries."
        "Offer narrower tools, or let a policy ask a person."
    SLOW_PATTERN "TG-SCHEMA-005" Medium
        "A pattern that can take forever"
        "Nested repetition makes a backtracking validator spend hours on a short text."
        "Rewrite the pattern without a repetition inside a repetition."
    HEADER "TG-SCHEMA-006" High
        "An x-mcp-header that breaks the rules"
        "Clients over HTTP have to leave the tool out (2026-07-28, tools: x-mcp-header); some of these smuggle headers."
        "Correct or remove the annotation."
    LARGE "TG-SIZE-001" Low
        "A very large definition"
        "It takes its part of every conversation, and hides what stands in it."
        "Shorten it."
    FLOOD "TG-SIZE-002" High
        "A flood of tools"
        "No model chooses among so many, and every client has to hold them."
        "Offer fewer, or do not use this server."
    MANY "TG-SIZE-003" Info
        "Many tools"
        "Models choose worse among so many."
        "Offer the ones that are needed."
    UNREADABLE "TG-SIZE-004" High
        "An entry that is no definition"
        "What one parser refuses another may read in its own way: repeated keys, broken text, endless nesting."
        "Have the server corrected."
    PHANTOM "TG-THIN-001" Medium
        "No description"
        "A model has only the name to choose by."
        "Describe what the tool does, when it fits, and what it returns."
    THIN "TG-THIN-002" Low
        "A description that says no more than the name"
        "A model cannot tell when the tool fits."
        "Describe what the tool does, when it fits, and what it returns."
    UNDESCRIBED "TG-THIN-003" Info
        "Arguments without a description"
        "A model has to guess what to write."
        "Describe each argument, with its unit or form."
    NO_ANNOTATIONS "TG-HINT-001" Info
        "No annotations"
        "Clients cannot tell what only reads from what destroys, and ask too often or not at all."
        "Set readOnlyHint, and destructiveHint where it is false."
    LYING "TG-HINT-002" Medium
        "Read-only by its annotation, not by its name"
        "A client that trusts the hint does not ask before the call."
        "Correct the annotation, or rename the tool. Policies never relax on a hint."
    CONTRADICTION "TG-HINT-003" Low
        "Annotations that contradict each other"
        "A tool that only reads cannot destroy."
        "Correct the annotations."
    TOXIC_FLOW "TG-FLOW-001" Medium
        "Private data, foreign text and a way out"
        "Whoever writes the foreign text can have a model read the private data and send it out; no single tool is at fault."
        "Separate the tools, or let a policy ask before the way out."
    CHANGED "TG-PIN-001" High
        "A definition that is not the approved one"
        "A server that is trusted can change its mind: the rug pull."
        "Read the difference, then run toolgate approve."
    APPEARED "TG-PIN-002" Medium
        "A definition that nobody approved"
        "It came after the approval."
        "Read it, then run toolgate approve."
    VANISHED "TG-PIN-003" Info
        "An approved definition that is gone"
        "Clients may still call it."
        "Run toolgate approve if it is gone for good."
    TOKEN "TG-SECRET-001" High
        "A secret in plain text"
        "Whoever reads the text has it, and so do its backups and its history."
        "Write ${env:NAME} or ${file:PATH}, and replace the secret."
    LITERAL "TG-SECRET-002" Medium
        "What looks like a secret in plain text"
        "Its key says it is one."
        "Write ${env:NAME} or ${file:PATH}."
    UNPINNED "TG-CONFIG-001" Medium
        "A package without a version"
        "The next start may fetch and run another program."
        "Name an exact version or a digest."
    PLAINTEXT "TG-CONFIG-002" Medium
        "Plain HTTP to another machine"
        "Whoever is on the way reads and changes it, definitions included."
        "Use https."
    ANONYMOUS "TG-CONFIG-003" Info
        "A remote server without credentials"
        "If it asks for none, anybody can call it."
        "Configure its credentials, if it has any."
    SHELL "TG-CONFIG-004" Medium
        "A server that is started by a shell"
        "What a shell expands is more than what is written."
        "Name the program and its arguments."
    PRELOAD "TG-CONFIG-005" High
        "A variable that loads foreign code"
        "It makes any program run what it names."
        "Remove the variable."
    REFUSED "TG-CONFIG-006" Medium
        "A configuration that is refused"
        "What cannot be served cannot be looked at either."
        "Correct it; toolgate check tells every mistake."
    SILENT "TG-CONFIG-007" Medium
        "A server that could not be asked"
        "Nobody knows what it would say."
        "Scan again when it can be reached."
    ESCAPE "TG-CONFIG-008" High
        "A container that reaches outside itself"
        "What it is given beyond itself is the machine, or nearly so."
        "Give it the one folder and the one address that it needs."
    OPEN "TG-CONFIG-009" Medium
        "Callers that nobody authenticates"
        "Other machines can reach the gateway, and whoever does may call everything."
        "Set authentication, or listen on 127.0.0.1."
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_rules_share_an_id() {
        let ids: BTreeSet<_> = ALL.iter().map(|rule| rule.id).collect();

        assert_eq!(ids.len(), ALL.len());
        assert!(ids.iter().all(|id| id.starts_with("TG-")));
    }
}

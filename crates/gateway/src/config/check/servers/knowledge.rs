//! A folder of documents: is it there, and does the rest fit it?

mod semantic;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::config::check::Checks;
use crate::config::check::paths::{directory, plain};
use crate::config::problem::quote;
use crate::config::server::{Kind, Server};
use crate::config::servers::knowledge::{Knowledge, Writers};
use toolgate_values::Size;

/// `known`: whether callers are told apart.
pub(in crate::config::check) fn resolve(
    checks: &mut Checks<'_>,
    path: &str,
    mut knowledge: Knowledge,
    known: bool,
) -> Kind {
    let path = format!("{path}.knowledge");
    knowledge.root = directory(checks, &format!("{path}.root"), &knowledge.root);
    if let Some(index) = &knowledge.index {
        let key = format!("{path}.index");
        let index = checks.resolve(&key, index);
        if is_served(&knowledge.root, &index) {
            let message = "the index would be served with the documents (choose a directory outside root, or a name that begins with a dot)";
            checks.problem(&key, message);
        }
        knowledge.index = Some(index);
    }
    let boosts = &knowledge.boosts;
    if boosts.title == 0 && boosts.headings == 0 && boosts.body == 0 {
        checks.problem(&format!("{path}.boosts"), "nothing would be found (write body: 1)");
    }
    if knowledge.limits.file < Size::kib(1) {
        let message = "too small for any document (write 1KiB or more)";
        checks.problem(&format!("{path}.limits.file"), message);
    }
    if let Some(semantic) = &knowledge.semantic {
        semantic::check(checks, &format!("{path}.semantic"), semantic);
    }
    if let Some(writers) = &knowledge.write {
        write(checks, &format!("{path}.write"), writers, known);
    }
    Kind::Knowledge(Box::new(knowledge))
}

/// Each index is written by one server alone: two would each take the documents of the other for gone.
pub(in crate::config::check) fn indexes(checks: &mut Checks<'_>, servers: &[(usize, Server)]) {
    let mut taken: HashMap<PathBuf, &Server> = HashMap::new();
    for (index, server) in servers {
        let Kind::Knowledge(knowledge) = &server.kind else { continue };
        let Some(folder) = &knowledge.index else { continue };
        // Another way of writing the same folder is the same folder.
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.components().collect());
        if let Some(first) = taken.get(&folder) {
            let message = format!(
                "the server {} has its index there (choose another directory)",
                quote(first.name.as_str())
            );
            checks.problem(&format!("servers[{index}].knowledge.index"), message);
        } else {
            taken.insert(folder, server);
        }
    }
}

fn write(checks: &mut Checks<'_>, path: &str, writers: &Writers, known: bool) {
    let Writers { create, update, delete } = writers;
    if [create, update, delete].iter().all(|roles| roles.is_empty()) {
        let message = "no role may change anything (write create: [ROLE], or remove it)";
        checks.problem(path, message);
    } else if !known {
        let message = "nobody has a role while nothing authenticates callers (add authentication, or remove it)";
        checks.problem(path, message);
    }
}

/// Whether what is at `index` would be among the documents: names with a dot are not.
fn is_served(root: &Path, index: &Path) -> bool {
    plain(index).strip_prefix(plain(root)).is_ok_and(|rest| {
        !rest.components().any(|name| name.as_os_str().as_encoded_bytes().starts_with(b"."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_hidden_or_somewhere_else() {
        let root = Path::new("/srv/articles");
        for (index, served) in [
            ("/srv/articles", true),
            ("/srv/articles/index", true),
            ("/srv/articles/a/b/", true),
            ("/srv/articles/../articles/index", true),
            ("/srv/articles/.state/../index", true),
            ("/srv/articles/.index", false),
            ("/srv/articles/../index", false),
            ("/srv/articles/.state/index", false),
            ("/srv/articles-index", false),
            ("/var/index", false),
        ] {
            assert_eq!(is_served(root, Path::new(index)), served, "{index}");
        }
    }
}

//! What could follow what somebody typed of an argument.

use toolgate_hosted::{Answer, Completing, Failed, Refusal};

use crate::shelf::Shelf;

impl Shelf {
    pub(crate) fn complete(&self, completing: &Completing) -> Result<Answer, Failed> {
        let Completing { r#ref, argument } = completing;
        let arguments = match (&r#ref.name, &r#ref.uri) {
            (Some(name), _) => self.prompts.get(name).map(|prompt| &prompt.arguments),
            (None, Some(uri)) => {
                let mut all = self.resources.values();
                all.find(|resource| resource.uri() == uri).map(|resource| &resource.arguments)
            }
            (None, None) => None,
        };
        let unknown = |what| Refusal::invalid(format!("there is no such {what} to complete"));
        let arguments = arguments.ok_or_else(|| unknown("prompt or resource"))?;
        let known = arguments.get(&argument.name).ok_or_else(|| unknown("argument"))?;
        Ok(argument.among(known.offered.iter().map(String::as_str)))
    }
}

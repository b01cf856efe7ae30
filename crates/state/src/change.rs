//! What a value becomes: pure, and bounded in size and nesting at each step.

use json_patch::{Patch, PatchOperation};
use serde_json::Value;

/// Operations of one patch.
pub(crate) const OPERATIONS: usize = 100;
/// How deep values nest: far less than what can be read again.
const DEEPEST: usize = 64;

/// How a value is to be changed.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// To this.
    Whole(Value),
    /// By a merge patch (RFC 7396).
    Merge(Value),
    /// By a patch of operations, all of them or none (RFC 6902).
    Patch(Patch),
}

/// Why a value cannot become that, for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit(pub(crate) String);

impl Change {
    /// What becomes of a value of which at most so many bytes of JSON are kept.
    pub(crate) fn apply(&self, mut value: Value, most: usize) -> Result<Value, Unfit> {
        match self {
            Change::Whole(new) => value = new.clone(),
            Change::Merge(patch) => json_patch::merge(&mut value, patch),
            Change::Patch(patch) => {
                for (at, operation) in patch.iter().enumerate() {
                    value = step(value, operation).map_err(|Unfit(why)| {
                        Unfit(format!("json_patch[{at}] {}: {why}", operation_name(operation)))
                    })?;
                    // A copy of the whole into itself doubles it, again and again.
                    bounded(&value, most)?;
                }
            }
        }
        bounded(&value, most)?;
        Ok(value)
    }
}

fn step(mut value: Value, operation: &PatchOperation) -> Result<Value, Unfit> {
    let outcome = json_patch::patch(&mut value, std::slice::from_ref(operation));
    match outcome {
        Ok(()) => Ok(value),
        Err(error) => Err(Unfit(match error.kind {
            json_patch::PatchErrorKind::TestFailed => "the value there is another".to_owned(),
            _ => "its path leads nowhere in the value".to_owned(),
        })),
    }
}

fn operation_name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

/// Whether a value may be kept.
pub(crate) fn bounded(value: &Value, most: usize) -> Result<(), Unfit> {
    if !nests_within(value, DEEPEST) {
        return Err(Unfit(format!("values nest {DEEPEST} deep at most")));
    }
    let size = value.to_string().len();
    if size > most {
        let text = format!("it would take {size} bytes as JSON, and {most} are the most");
        return Err(Unfit(text));
    }
    Ok(())
}

fn nests_within(value: &Value, deepest: usize) -> bool {
    match value {
        Value::Array(elements) => {
            deepest > 0 && elements.iter().all(|it| nests_within(it, deepest - 1))
        }
        Value::Object(members) => {
            deepest > 0 && members.values().all(|it| nests_within(it, deepest - 1))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn patch(operations: Value) -> Change {
        Change::Patch(serde_json::from_value(operations).unwrap())
    }

    #[test]
    fn a_value_becomes_what_the_standards_say() {
        let value = json!({ "a": 1, "b": { "c": [1, 2] } });
        let cases = [
            (Change::Whole(json!(null)), json!(null)),
            (
                Change::Merge(json!({ "a": null, "b": { "d": 3 } })),
                json!({ "b": { "c": [1, 2], "d": 3 } }),
            ),
            (
                patch(json!([
                    { "op": "test", "path": "/a", "value": 1 },
                    { "op": "add", "path": "/b/c/-", "value": 3 },
                    { "op": "move", "from": "/a", "path": "/e" },
                ])),
                json!({ "b": { "c": [1, 2, 3] }, "e": 1 }),
            ),
        ];
        for (change, expected) in cases {
            assert_eq!(change.apply(value.clone(), 1000).unwrap(), expected, "{change:?}");
        }
    }

    #[test]
    fn what_does_not_hold_is_named_by_its_number() {
        let change = patch(json!([
            { "op": "add", "path": "/a", "value": 1 },
            { "op": "test", "path": "/a", "value": 2 },
        ]));

        let Unfit(why) = change.apply(json!({}), 1000).unwrap_err();

        assert_eq!(why, "json_patch[1] test: the value there is another");
    }

    #[test]
    fn copies_of_the_whole_into_itself_end_at_the_bounds() {
        let wide: Vec<_> = (0..100)
            .map(|n| json!({ "op": "copy", "from": "", "path": format!("/k{n}") }))
            .collect();
        let deep: Vec<_> =
            (1..100).map(|n| json!({ "op": "copy", "from": "", "path": "/a".repeat(n) })).collect();

        for operations in [wide, deep] {
            let error = patch(operations.into()).apply(json!({ "x": 1 }), 4000).unwrap_err();
            assert!(error.0.contains("at most") || error.0.contains("the most"), "{error:?}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// RFC 7396: what is merged into anything is there afterwards, but for what it removes.
        #[test]
        fn a_merge_patch_twice_is_as_good_as_once(value in any_json(), patch in any_json()) {
            let change = Change::Merge(patch);
            let once = change.apply(value, usize::MAX).unwrap();

            prop_assert_eq!(change.apply(once.clone(), usize::MAX).unwrap(), once);
        }
    }
}

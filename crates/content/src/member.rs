//! Members of an object that may be missing.

use serde_json::Value;

/// Sets a member, if there is a value for it.
pub(crate) fn set(object: &mut Value, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object[name] = value.into();
    }
}

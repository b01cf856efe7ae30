//! May this caller do this? Policies, roles and scopes, decided the same for lists and calls.

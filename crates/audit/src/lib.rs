//! What happened: one record for each request, in a chain that nobody edits unseen.

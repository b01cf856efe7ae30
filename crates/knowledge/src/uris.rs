//! Under which URIs documents and categories are.

use toolgate_folder::Place;

/// The categories, with how many documents are in each.
pub(crate) const CATEGORIES: &str = "kb://categories";
/// What the URI of every document begins with.
pub(crate) const ARTICLES: &str = "kb://articles/";
/// What the URI of every category begins with.
pub(crate) const CATEGORY: &str = "kb://categories/";

/// The URI of a document.
pub(crate) fn article(place: &Place) -> String {
    place.uri(ARTICLES)
}

//! stdio front

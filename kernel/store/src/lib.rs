//! The ordered, transactional key-value store.

//! The state store (one trait: memory, embedded) and blobs.

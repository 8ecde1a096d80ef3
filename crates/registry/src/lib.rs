//! OCI distribution server over blobs.

//! Who is calling, and may they: SigV4, sessions, IAM policy evaluation.

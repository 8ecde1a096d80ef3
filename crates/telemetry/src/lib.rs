//! Time-ordered segments: log events, metric points; query, filter, tail.

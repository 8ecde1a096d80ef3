//! The rooms: what one API request does.

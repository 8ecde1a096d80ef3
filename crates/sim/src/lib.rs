//! The seeded world that runs services, control and reconcile with no socket, disk or clock.

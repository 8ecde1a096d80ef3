//! What should happen next: every decider a pure function from state to actions.

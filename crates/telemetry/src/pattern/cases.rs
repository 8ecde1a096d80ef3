//! What the guide says about patterns, case by case.

"""Fixtures and helpers of the acceptance tests: real processes, real clients."""

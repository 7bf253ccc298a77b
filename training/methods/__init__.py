"""Training methods: an encoder with its training-only heads, and what it optimises."""

"""The ways in: thin adapters that parse, call and render."""

"""The contract: what a model package says, its file, and the only preprocessing."""

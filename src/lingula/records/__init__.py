"""Place 3, what is known and what happened."""

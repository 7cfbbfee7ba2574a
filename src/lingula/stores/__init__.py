"""Place 1, bytes by key."""

"""Place 2, work waiting."""

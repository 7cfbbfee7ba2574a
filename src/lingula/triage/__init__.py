"""Half two, an X-ray's way: receive, assess, worklist, review; upkeep loses nothing."""

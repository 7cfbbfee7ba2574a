"""Radiographs with their labels: decoded, described by their circumstances, split, and what was said of each."""

"""Radiographs that hospitals put into buckets and folders: told of by events, found by looking."""

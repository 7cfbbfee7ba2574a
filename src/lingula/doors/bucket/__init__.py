"""Radiographs that hospitals put into buckets and folders: told of by events, found by looking."""

from lingula.doors.bucket.door import BucketDoor

__all__ = ["BucketDoor"]

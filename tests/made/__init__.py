"""Builders of synthetic things for tests."""

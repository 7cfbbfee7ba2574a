"""Lingula helps hospitals read the most urgent chest X-rays first.

It supports a doctor's decision and never replaces one.
"""

__version__ = "0.1.0"

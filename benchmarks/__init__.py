"""Measurements against bare SQL limits of the same run; see README.md."""

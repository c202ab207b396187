"""Watching over a home between runs."""

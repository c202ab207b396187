"""Codes into words and cells into text: one wording for pages, pictures and captions."""

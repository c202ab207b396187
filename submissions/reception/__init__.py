"""A file on its way from the inbox into the lake, or into quarantine."""

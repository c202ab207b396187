"""What became of a file, as the partner reads it."""

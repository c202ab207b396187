"""What is asked of the rows of a file, and the numbered problems that are the answer."""

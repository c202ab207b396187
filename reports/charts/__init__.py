"""What is drawn: the declared charts, maps and small drawings."""

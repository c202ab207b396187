"""One run: its lock, its build, its records, and the release at its end."""

"""The pages of a release, a module each."""

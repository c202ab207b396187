"""What a release gives to programs: table files, data package, manifest."""

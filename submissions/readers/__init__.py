"""From the bytes of a file to a table of text, and to the SQL that brings its columns into ours."""

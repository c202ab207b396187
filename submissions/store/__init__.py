"""A home and what is kept in it: ledger, lake, vintages, records of releases."""

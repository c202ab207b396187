"""The words of the field: fields and code lists, names of countries and periods, words of labels."""

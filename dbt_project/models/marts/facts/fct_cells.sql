-- grain: one cell of the declared published tables, as visible at as_of
{{ cells_of("current") }}

-- grain: one cell of the declared published tables as it stood before its period and
-- area were last touched
{{ cells_of("previous") }}

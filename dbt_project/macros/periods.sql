{# Periods as whole numbers that follow each other, so that gaps, runs and links are arithmetic. #}
{% macro months_in(frequency) -%}
    case {{ frequency }} when 'A' then 12 when 'Q' then 3 else 1 end
{%- endmacro %}

{% macro period_number(date, frequency) -%}
    cast(
        floor(
            (extract(year from {{ date }}) * 12 + extract(month from {{ date }}) - 1)
            / {{ months_in(frequency) }}
        ) as integer
    )
{%- endmacro %}

{# The first day of the period with that number. #}
{% macro period_first_day(number, frequency) -%}
    {{
        date_plus(
            "date '0001-01-01'",
            "(" ~ number ~ ") * (" ~ months_in(frequency) ~ ") - 12",
            "month",
        )
    }}
{%- endmacro %}

{# The ISO 8601 name of the period with that number. #}
{% macro period_label(number, frequency) -%}
    case
        {{ frequency }}
        when 'A'
        then cast({{ number }} as string)
        when 'Q'
        then
            cast(cast(floor(({{ number }}) / 4) as integer) as string)
            || '-Q'
            || cast(
                ({{ number }})
                - 4 * cast(floor(({{ number }}) / 4) as integer)
                + 1 as string
            )
        else
            cast(cast(floor(({{ number }}) / 12) as integer) as string)
            || '-'
            || lpad(
                cast(
                    ({{ number }})
                    - 12 * cast(floor(({{ number }}) / 12) as integer)
                    + 1 as string
                ),
                2,
                '0'
            )
    end
{%- endmacro %}

{# The columns that say what a row of the summary counts, in the order of the published table. #}
{% macro summary_columns() %}
    {{
        return(
            [
                "measure",
                "exploitation",
                "area_level",
                "area_code",
                "frequency",
                "source",
                "dataset",
                "period",
                "word",
            ]
        )
    }}
{% endmacro %}

{# One statistic of a relation at each of several grains: a grain maps columns of the summary to expressions, and the columns
   it leaves out are `_T`; the form is `_Z` there, since `_T` are the figures that are not split by form. A grain without columns always gives one row. `value` is one aggregate, or `lower` and `upper` are
   two where bounds are summed. #}
{% macro summary_of(
    statistic,
    relation,
    grains,
    value="count(*)",
    denominator="cast(null as integer)",
    where="true",
    lower=none,
    upper=none
) %}
    {% for grain in grains %}
        select
            '{{ statistic }}' as statistic,
            {% for column in summary_columns() %}
                {% if column in grain %} {{ grain[column] }} as {{ column }},
                {% else %}
                    '{{ "_Z" if column == "exploitation" else "_T" }}' as {{ column }},
                {% endif %}
            {% endfor %}
            {% for column, given in [
                ("value", value),
                ("lower", lower or value),
                ("upper", upper or value),
            ] %}
                -- without any row there is nothing to count, and that is 0
                {% if grain or lower %} cast({{ given }} as decimal(20, 4))
                {% else %} cast(coalesce({{ given }}, 0) as decimal(20, 4))
                {% endif %} as {{ column }},
            {% endfor %}
            cast({{ denominator }} as decimal(20, 4)) as denominator
        from {{ relation }}
        where {{ where }}
        {% if grain %} group by {{ grain.values() | join(", ") }} {% endif %}
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}
{% endmacro %}

-- grain: one member of a dimension and a member it lies inside, so that no one is
-- counted in both
with
    forms as (select exploitation from {{ ref("exploitation") }}),

    ages as (
        select age, age_from, coalesce(age_to, 999) as age_to
        from {{ ref("age") }}
        where age_from is not null
    ),

    offences as (select offence from {{ ref("iccs_offences") }})

-- a sub-form carries its form's code in front; a form with a parent that does not
-- (domestic servitude beside labour) is a sibling
select
    'exploitation' as dimension,
    inner_forms.exploitation as member,
    outer_forms.exploitation as container
from forms as inner_forms
inner join
    forms as outer_forms
    on substring(inner_forms.exploitation, 1, length(outer_forms.exploitation) + 1)
    = outer_forms.exploitation || '_'

union all

select 'age' as dimension, inner_ages.age as member, outer_ages.age as container
from ages as inner_ages
inner join
    ages as outer_ages
    on inner_ages.age <> outer_ages.age
    and inner_ages.age_from >= outer_ages.age_from
    and inner_ages.age_to <= outer_ages.age_to

union all

select
    'offence' as dimension,
    inner_offences.offence as member,
    outer_offences.offence as container
from offences as inner_offences
inner join
    offences as outer_offences
    on length(inner_offences.offence) > length(outer_offences.offence)
    and substring(inner_offences.offence, 1, length(outer_offences.offence))
    = outer_offences.offence

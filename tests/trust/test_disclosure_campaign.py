"""A seeded fifth of the campaign of three releases."""

from tests.campaigns import disclosure_releases


def test_three_releases_of_tables_with_several_trees() -> None:
    disclosure_releases.main(share=0.2)

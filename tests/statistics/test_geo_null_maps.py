"""A seeded fifth of tests/campaigns/null_maps.py: how often Gi flags an area of a map where nothing clusters."""

import importlib.util
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).resolve().parents[1] / "campaigns" / "null_maps.py"


@pytest.fixture(scope="module")
def campaign():
    spec = importlib.util.spec_from_file_location("null_maps", CAMPAIGN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["null_maps"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("mean", [0.3, 1.0, 5.0])
def test_three_moments_keep_the_level_where_the_normal_tail_does_not(campaign, mean):
    found = campaign.shares(mean, maps=400, permutations=0, seed=20240)
    moments, normal = found["three moments"], found["normal"]
    assert 0.04 <= moments["upper", 0.05] <= 0.06
    assert moments["two-sided", 0.05] <= 0.05
    assert moments["two-sided", 0.001] <= 0.001
    assert moments["upper", 0.001] <= 0.0012
    assert abs(moments["upper", 0.05] - 0.05) < abs(normal["upper", 0.05] - 0.05) + 0.002
    assert normal["upper", 0.001] > 1.4 * 0.001
    bound = found["half-count bound"]
    assert all(bound[key] <= moments[key] for key in moments)


def test_three_moments_and_permutations_flag_alike(campaign):
    found = campaign.shares(1.0, maps=40, permutations=299, seed=20240)
    assert found["three moments"]["upper", 0.05] == pytest.approx(found["permutation"]["upper", 0.05], abs=0.004)
    assert found["three moments"]["two-sided", 0.05] == pytest.approx(
        found["permutation"]["two-sided", 0.05], abs=0.006
    )

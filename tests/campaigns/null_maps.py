"""How often Gi flags an area of a map where nothing clusters: normal, three-moment and permutation p.

    python tests/campaigns/null_maps.py [--maps 2000] [--permutations 999] [--seed 20240]

Maps of independent Poisson counts on a 12 x 12 grid (up to eight neighbours, areas at the edge included). For each mean
the table gives the share of areas with p at or below 5 % and 0.1 %, one-sided upwards and two-sided. The permutation p
keeps the area's own value, shuffles the others and counts half of the ties, as the three-moment mid tail does; with few
permutations its smallest value is about 1 / (permutations + 1). Two-sided shares at small means fall short of the
nominal level because the lower tail of a count near 0 has no value that is rare enough.
"""

import argparse
from pathlib import Path

import numpy as np
from numba import njit

ROOT = Path(__file__).resolve().parents[2]

from geo_maps import queen_grid  # noqa: E402

from geo.hotspots import getis_ord  # noqa: E402

MEANS = (0.3, 1.0, 5.0)
LEVELS = (0.05, 0.001)
SIDE = 12


@njit
def _permutation_tails(values, indptr, indices, permutations, seed, upper, lower):
    """Mid-p of both tails of every neighbour sum, k of the other values drawn anew for each area and permutation."""
    np.random.seed(seed)
    n, maps = values.shape
    others = np.empty(n - 1)
    for m in range(maps):
        for i in range(n):
            k = indptr[i + 1] - indptr[i]
            here = 0.0
            for at in range(indptr[i], indptr[i + 1]):
                here += values[indices[at], m]
            place = 0
            for j in range(n):
                if j != i:
                    others[place] = values[j, m]
                    place += 1
            above, tied = 0, 0
            for _ in range(permutations):
                total = 0.0
                for step in range(k):
                    pick = step + int(np.random.random() * (n - 1 - step))
                    others[step], others[pick] = others[pick], others[step]
                    total += others[step]
                above += total > here
                tied += total == here
            upper[i, m] = (above + 0.5 * (tied + 1)) / (permutations + 1)
            lower[i, m] = (permutations - above - tied + 0.5 * (tied + 1)) / (permutations + 1)


def shares(mean: float, maps: int, permutations: int, seed: int) -> dict[str, dict[tuple[str, float], float]]:
    """Share of areas flagged, by method and by (side, level)."""
    links = queen_grid(SIDE, SIDE)
    values = np.random.default_rng([seed, int(mean * 10)]).poisson(mean, (SIDE * SIDE, maps)).astype(float)
    result = getis_ord(values, links, star=False)
    known = ~np.isnan(result.p)
    p = {
        "normal": (np.where(result.z > 0, result.p_normal / 2, 1 - result.p_normal / 2), result.p_normal),
        "three moments": (result.p_upper, result.p),
        "half-count bound": (np.where(result.direction > 0, result.p_upper_bound / 2, 1.0), result.p_upper_bound),
    }
    if permutations:
        upper, lower = np.empty_like(values), np.empty_like(values)
        _permutation_tails(values, links.indptr, links.indices, permutations, seed, upper, lower)
        p["permutation"] = (upper, np.minimum(1, 2 * np.minimum(upper, lower)))
    return {
        method: {
            (side, level): float(np.mean(values[known] <= level))
            for side, values in zip(("upper", "two-sided"), tails, strict=True)
            for level in LEVELS
        }
        for method, tails in p.items()
    }


def main(share: float = 1.0, permutations: int = 999, seed: int = 20240) -> None:
    """Print the table for `share` of 2,000 maps a mean; raise where the three-moment tail does not keep its level."""
    maps = max(100, round(2000 * share))
    columns = [(side, level) for side in ("upper", "two-sided") for level in LEVELS]
    print(f"{maps} maps of {SIDE * SIDE} areas for each mean, {permutations} permutations")
    print(f"{'mean':>5} {'method':<17}" + "".join(f"{side:>12} {level:<6}" for side, level in columns))
    broken = []
    for mean in MEANS:
        table = shares(mean, maps, permutations, seed)
        for method, found in table.items():
            print(
                f"{mean:>5} {method:<17}" + "".join(f"{found[column]:>12.5f}       " for column in columns), flush=True
            )
        moments = table["three moments"]
        if not 0.04 <= moments["upper", 0.05] <= 0.06:
            broken.append(f"mean {mean}: the upper tail at .05 flags {moments['upper', 0.05]:.4f}")
        broken += [
            f"mean {mean}: two-sided at {level} flags {moments['two-sided', level]:.5f}"
            for level in LEVELS
            # above by more than four standard errors of the Monte Carlo (neighbours share counts, so four and not three)
            if moments["two-sided", level] > level + 4 * (level * (1 - level) / (maps * SIDE * SIDE)) ** 0.5
        ]
    if broken:
        raise AssertionError("; ".join(broken))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=2000)
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--seed", type=int, default=20240)
    given = parser.parse_args()
    main(given.maps / 2000, given.permutations, given.seed)

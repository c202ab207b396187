"""The hot-spot and scan functions of geo/ against esda, same work, same run, one thread; prints JSON.

    python tests/benchmarks/bench_geo.py [--quick]

For each job the median of five runs of ours (wall seconds), one run of the peer (scaled where the peer would take
minutes: the entry says so), their ratio, the most memory ours allocates, and how far ours is from the time this machine
needs to read the input and write the results once. Importing the libraries and compiling (once a machine: the compiled
code is kept) are excluded and stated apart.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import resource  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
import warnings  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
warnings.simplefilter("ignore")


def seconds(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ours(work, runs=5):
    """First call (compilation), median of the next ones, and the peak of what one call allocates."""
    first = seconds(work)
    median = statistics.median(seconds(work) for _ in range(runs))
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return first, median, peak / 1e6


def bandwidth():
    """Bytes a second when an array much larger than the caches is copied: read once, written once."""
    import numpy as np

    source = np.ones(16_000_000)
    target = np.empty_like(source)
    best = min(seconds(lambda: np.copyto(target, source)) for _ in range(5))
    return 2 * source.nbytes / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the periods for the peer, a smaller scan")
    quick = parser.parse_args().quick
    start_up = {}
    start_up["import geo.hotspots, geo.scan"] = seconds(lambda: __import__("geo.hotspots") and __import__("geo.scan"))
    start_up["import esda"] = seconds(lambda: __import__("esda"))
    import esda
    import numpy as np
    from geo_maps import queen_grid
    from libpysal.weights import W

    from geo import hotspots, scan

    def pysal(links):
        rows = {i: links.indices[links.indptr[i] : links.indptr[i + 1]].tolist() for i in range(links.shape[0])}
        return W(rows, silence_warnings=True)

    random = np.random.default_rng(1)
    per_second = bandwidth()
    settings = {"permutations": 999, "n_jobs": 1, "keep_simulations": False, "seed": 1}

    def peer_g(values, weights):
        return esda.G_Local(values, weights, transform="B", star=True, **settings)

    def peer_moran(values, weights):
        return esda.Moran_Local(values, weights, **settings)

    # statistic, ours, the peer's, arrays of the input's size that are read or written
    statistics_of_maps = (
        ("Gi* with p", hotspots.getis_ord, peer_g, 6),
        ("local Moran with p", hotspots.local_moran, peer_moran, 7),
    )
    # compile the peer's loops on something small
    for _, _, peer, _ in statistics_of_maps:
        peer(random.normal(size=25), pysal(queen_grid(5, 5)))

    def compare(name, links, values, statistic, our, peer, arrays):
        periods = values.shape[1]
        peer_periods = min(periods, 2 if quick else 12)
        weights = pysal(links)
        first, median, peak = ours(lambda: our(values, links))
        columns = [values[:, period].copy() for period in range(peer_periods)]
        peer_seconds = seconds(lambda: [peer(column, weights) for column in columns]) * periods / peer_periods
        scaled = f", {peer_periods} of {periods} periods, scaled" if peer_periods < periods else ""
        return {
            "job": f"{statistic}, {name}",
            "seconds": round(median, 5),
            "first_call_seconds": round(first, 3),
            "peer": f"esda, 999 permutations{scaled}",
            "peer_seconds": round(peer_seconds, 3),
            "ratio": round(peer_seconds / median),
            "peak_mb": round(peak, 1),
            "times_the_bandwidth_limit": round(median / (values.nbytes * arrays / per_second), 1),
        }

    def scan_once(n, replications):
        coords, population = random.uniform(0, 10, (n, 2)), random.uniform(100, 5000, n)
        cases = random.poisson(population * 1e-3)
        taken = seconds(lambda: scan.circular(cases, population, coords, 0.5, replications, distance="planar"))
        return {
            "job": f"circular scan, {n:,} areas, {replications} replications, up to half the population",
            "seconds": round(taken, 2),
            "peer": "none",
        }

    jobs = []
    for size, grid, periods in (
        ("3,000 areas x 120 periods", (50, 60), 120),
        ("50,000 areas x 1 period", (200, 250), 1),
    ):
        links, shape = queen_grid(*grid), (grid[0] * grid[1], periods)
        kinds = {
            "continuous": random.normal(size=shape),
            "counts of mean 5": random.poisson(5, shape).astype(float),
            "lognormal": np.exp(random.normal(size=shape)),
        }
        for kind, values in kinds.items():
            # local Moran has a normal tail: one kind of values is like another
            for job in statistics_of_maps[: 2 if kind == "continuous" else 1]:
                jobs.append(compare(f"{size}, {kind}", links, values, *job))
    scan_once(50, 9)
    for n, replications in ((300, 999), (1000, 999)) if quick else ((1000, 999), (3000, 999), (10_000, 99)):
        jobs.append(scan_once(n, replications))
    print(
        json.dumps(
            {
                "machine": {
                    "python": platform.python_version(),
                    "processor": platform.processor() or platform.machine(),
                    "threads": 1,
                    "copy_gb_per_second": round(per_second / 1e9, 1),
                },
                "excluded_start_up_seconds": {name: round(value, 2) for name, value in start_up.items()},
                "process_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "jobs": jobs,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()

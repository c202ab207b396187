"""Speed of trends against its peers: same work, same run, one thread. Prints one JSON object.

    python tests/benchmarks/bench_trends.py [--quick]

Every figure is the median of five timed calls after an untimed one, ours and the peer's in turn so that a busy machine
slows both. Loading and compiling stand apart under `start_up_seconds`. A slow peer is timed on fewer series and scaled,
which `peer_series` states. `peak_mb` is what numpy allocated during one call; `times_bandwidth_floor` compares with one
read of the input and one write of the output at the memory speed measured here.
"""
# ruff: noqa: E402  threads are fixed before numpy is loaded

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import json
import statistics
import time
import tracemalloc
import warnings

import numpy as np

REPEATS = 5


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_mb(work):
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(peak / 1e6, 1)


def memory_speed():
    """Bytes a second read and written by a plain copy."""
    source = np.ones(16_000_000)
    target = np.empty_like(source)
    return 2 * source.nbytes / statistics.median(timed(lambda: np.copyto(target, source)) for _ in range(REPEATS))


def compared(ours, peer, bytes_moved, speed, scale=1.0, peer_series=None):
    ours()
    rounds = [(timed(ours), timed(peer) * scale) for _ in range(REPEATS)]
    own, other = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "seconds": round(own, 5),
        "peer_seconds": round(other, 4),
        "ratio": round(other / own, 1),
        "peer_series": peer_series,
        "peak_mb": peak_mb(ours),
        "peer_peak_mb": peak_mb(peer),
        "times_bandwidth_floor": round(own / (bytes_moved / speed), 1),
    }


def mann_kendall_and_theil_sen(rng, speed, quick):
    import pymannkendall

    from trends.tests import mann_kendall, theil_sen

    start = time.perf_counter()
    mann_kendall(np.zeros((50_000, 40)))
    theil_sen(np.zeros((50_000, 40)))
    start_up = time.perf_counter() - start
    results = {}
    few = 200 if quick else 1000
    for kind, y in (
        ("continuous", rng.normal(size=(10_000, 120))),
        ("counts", rng.poisson(3, (10_000, 120)).astype(float)),
    ):

        def ours(y=y):
            mann_kendall(y)
            theil_sen(y)

        def peer(y=y):
            for series in y[:few]:
                pymannkendall.original_test(series)

        test, slope = mann_kendall(y[:50]), theil_sen(y[:50])
        theirs = [pymannkendall.original_test(series) for series in y[:50]]
        assert np.allclose(test.p, [one.p for one in theirs], atol=1e-12)
        assert np.array_equal(slope.slope, [one.slope for one in theirs])
        results[f"mann_kendall_theil_sen_{kind}_10000x120"] = {
            "peer": "pymannkendall.original_test (no limits)",
            **compared(ours, peer, y.nbytes + 9 * 80_000, speed, 10_000 / few, few),
        }
    return results, start_up


def change_point_search(rng, speed, quick):
    import ruptures

    from trends.breaks import change_points

    y = rng.normal(size=(1000, 120))
    for row in range(1000):
        for cut in rng.choice(np.arange(10, 110), rng.integers(0, 4), replace=False):
            y[row, cut:] += rng.choice([-3.0, 3.0])
    start = time.perf_counter()
    change_points(y[:10])
    change_points(y[:10], penalty=10.0)
    start_up = time.perf_counter() - start

    def search(**how):
        return [ruptures.KernelCPD(kernel="linear", min_size=2).fit(series[:, None]).predict(**how) for series in y]

    ours = change_points(y, penalty=10.0).positions
    same = [list(row[~np.isnan(row)]) == cuts[:-1] for row, cuts in zip(ours, search(pen=10.0), strict=True)]
    moved = y.nbytes + 14 * 8_000
    results = {
        "change_points_penalty_1000x120": {
            "peer": "ruptures.KernelCPD predict(pen=10)",
            "same_partitions": float(np.mean(same)),
            **compared(lambda: change_points(y, penalty=10.0), lambda: search(pen=10.0), moved, speed),
        },
        "change_points_choice_of_number_1000x120": {
            "peer": "ruptures.KernelCPD predict(n_bkps=5); ours all numbers from 0 to 5 and the choice",
            **compared(lambda: change_points(y), lambda: search(n_bkps=5), moved, speed),
        },
    }
    return results, start_up


def known_steps(rng, speed, quick):
    import statsmodels.api as sm

    from trends.breaks import step_model

    counts = rng.poisson(20, (2000, 120)).astype(float)
    index = np.arange(120)
    design = np.column_stack([np.ones(120), index / 12, index >= 60]).astype(float)
    few = 100

    def peer():
        for series in counts[:few]:
            sm.GLM(series, design, family=sm.families.Poisson()).fit(scale="X2")

    results = {
        "step_model_2000x120": {
            "peer": "statsmodels GLM Poisson, scale X2",
            **compared(lambda: step_model(counts, 60, 12), peer, counts.nbytes + 9 * 16_000, speed, 2000 / few, few),
        }
    }
    return results, 0.0


def theta_forecasts(rng, speed, quick):
    from statsmodels.tsa.forecasting.theta import ThetaModel

    from trends.season import forecast

    t = np.arange(72)
    y = rng.poisson(30 * (1 + 0.4 * np.sin(2 * np.pi * t / 12)), (500, 72)) + 1.0
    few = 20

    def peer():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for series in y[:few]:
                ThetaModel(series, period=12).fit().forecast(12)

    results = {
        "forecast_500x72": {
            "peer": "statsmodels ThetaModel (no limits)",
            **compared(lambda: forecast(y, 12, 12), peer, y.nbytes + 36 * 4_000, speed, 500 / few, few),
        }
    }
    return results, 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="time the slowest peer on fewer series")
    quick = parser.parse_args().quick
    rng = np.random.default_rng(7)
    speed = memory_speed()
    report = {"threads": 1, "repeats": REPEATS, "memory_gb_per_second": round(speed / 1e9, 1)}
    start_up, results = {}, {}
    for part in (mann_kendall_and_theil_sen, change_point_search, known_steps, theta_forecasts):
        found, loading = part(rng, speed, quick)
        results |= found
        if loading:
            start_up[part.__name__] = round(loading, 2)
    report["start_up_seconds"] = start_up
    report["results"] = results
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

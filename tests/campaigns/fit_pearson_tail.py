"""Fits the polynomials of geo/pearson_tail.py anew and prints them with their largest errors.

    python tests/campaigns/fit_pearson_tail.py

With a = 4 / skewness^2, a gamma tail is a normal tail at w(z, skewness). In t = z skewness / 2, u = t / (2 + t) and
q = skewness^2 / 4, w = z H(u) + skewness / 2 F(u, q): H(u) = sqrt(2 (t - log(1 + t))) / |t| is Temme's (1979) eta / t,
and F is smooth and nearly constant, so that low polynomials reach nine digits. F is read off scipy's incomplete gamma
functions at Chebyshev nodes; at q = 0 it is -log(H) / (t H) exactly.
"""

import numpy as np
from numpy.polynomial import chebyshev, polynomial
from scipy import special

from geo.pearson_far import exact_deviate, nodes, temme_h

REACH = 0.7
SMALL, LARGE = (0.012, 0.25), (0.25, 1.0)
MIDDLE = 0.6
"""q of the second polynomial is measured from here."""
DEGREE_H = 29
DEGREES_SMALL = (17, 13, 11, 9, 7)
DEGREES_LARGE = (17, 13, 11, 9, 9, 7, 7)
MILLS_AT, MILLS_TO, DEGREE_MILLS = 3.75, 27.5, 17


def fit(values, at, degree):
    """Monomial coefficients of the Chebyshev interpolant."""
    scale = np.abs(at).max()
    return chebyshev.cheb2poly(chebyshev.chebfit(at / scale, values, degree)) / scale ** np.arange(degree + 1)


def fit_f(q_low, q_high, degrees, centre, with_zero):
    u = nodes(60, -REACH, REACH)
    q = nodes(len(degrees) - with_zero, q_low, q_high)
    grid_u, grid_q = np.meshgrid(u, q, indexing="ij")
    t = 2 * grid_u / (1 - grid_u)
    f = (exact_deviate(grid_u, grid_q) - t / np.sqrt(grid_q) * temme_h(grid_u)) / np.sqrt(grid_q)
    if with_zero:
        limit = -np.log(temme_h(u)) / (2 * u / (1 - u) * temme_h(u))
        q, f = np.append(q, 0.0), np.column_stack([f, limit])
    in_q = polynomial.polyfit(q - centre, f.T, len(q) - 1)
    return [fit(row, u, degree) for row, degree in zip(in_q, degrees, strict=True)]


def coefficients():
    u = nodes(400, -REACH, REACH)
    v = nodes(200, -1, (MILLS_TO - MILLS_AT) / (MILLS_TO + MILLS_AT))
    x = MILLS_AT * (1 + v) / (1 - v)
    result = {"H": fit(temme_h(u), u, DEGREE_H), "MILLS": fit(special.erfcx(x) * (x + MILLS_AT), v, DEGREE_MILLS)}
    for power, values in enumerate(fit_f(SMALL[0], SMALL[1], DEGREES_SMALL, 0.0, with_zero=True)):
        result[f"SMALL_{power}"] = values
    for power, values in enumerate(fit_f(LARGE[0], LARGE[1], DEGREES_LARGE, MIDDLE, with_zero=False)):
        result[f"LARGE_{power}"] = values
    return result


def errors(found):
    random = np.random.default_rng(1)
    u = random.uniform(-REACH, REACH, 400_000)
    for name, low, high, number, centre in (
        ("SMALL", 1e-4, 0.25, len(DEGREES_SMALL), 0.0),
        ("LARGE", 0.25, 1.0, len(DEGREES_LARGE), MIDDLE),
    ):
        q = random.uniform(low, high, u.size)
        exact = exact_deviate(u, q)
        f = sum(polynomial.polyval(u, found[f"{name}_{k}"]) * (q - centre) ** k for k in range(number))
        t = 2 * u / (1 - u)
        w = t / np.sqrt(q) * polynomial.polyval(u, found["H"]) + np.sqrt(q) * f
        usable = np.isfinite(exact) & (np.abs(exact) < 37)
        print(f"# {name}: largest error of w {np.abs(w - exact)[usable].max():.2e}")
    x = np.linspace(0, MILLS_TO, 200_001)
    mills = polynomial.polyval((x - MILLS_AT) / (x + MILLS_AT), found["MILLS"]) / (x + MILLS_AT)
    print(f"# MILLS: largest relative error {np.abs(mills / special.erfcx(x) - 1).max():.2e}")


if __name__ == "__main__":
    found = coefficients()
    errors(found)
    for name, values in found.items():
        print(f"{name} = (")
        for value in values:
            print(f"    {float(value)!r},")
        print(")")

# SPDX-License-Identifier: GPL-3.0-or-later
# oracle.py - the questions of answers.c that SciPy answers by itself, each to nine digits. Says TAP.
#   oracle-answers | python3 oracle.py
import math
import sys

import numpy
from scipy import stats

DIGITS = 1e-9


def student(level, x, y):
    if len(x) < 2:
        return [x[0], math.nan, math.nan]
    p, freedom = 0.5 + level[0] / 2, len(x) - 1
    factor = stats.t.ppf(p, freedom)  # eight digits in SciPy 1.10; a step of Newton's gives the others
    factor -= (stats.t.cdf(factor, freedom) - p) / stats.t.pdf(factor, freedom)
    half = factor * stats.sem(x) if numpy.ptp(x) else 0.0
    return [numpy.mean(x), numpy.mean(x) - half, numpy.mean(x) + half]


def median_interval(level, x, y):
    n = len(x)
    if n > 1000:  # a normal approximation: oracle.R
        return None
    # the sign test's: ranks that the binomial does not reject
    l = max((l for l in range(n // 2 + 1) if stats.binom.cdf(l - 1, n, 0.5) <= (1 - level[0]) / 2), default=0)
    return [numpy.median(x), *((sorted(x)[l - 1], sorted(x)[n - l]) if l else (math.nan, math.nan))]


def trimmed_mean(parameters, x, y):
    return [stats.trim_mean(x, parameters[0]), None, None, None]


# Yuen's own test of two samples, as SciPy has it.
def samples(margin, x, y):
    if numpy.ptp(stats.trimboth(numpy.sort(x), 0.2)) == 0 or numpy.ptp(stats.trimboth(numpy.sort(y), 0.2)) == 0:
        return None
    p = stats.ttest_ind(y, x, trim=0.2, equal_var=False).pvalue
    return [None, None, None, p, None, None, None]


def ranks(level, x, y):
    return [float(stats.mannwhitneyu(x, y, method="exact").pvalue <= level[0])]


ORACLES = {
    "moments": lambda p, x, y: [
        numpy.mean(x),
        numpy.std(x, ddof=1) if len(x) > 1 else math.nan,
        numpy.median(x),
        1.4826 * stats.median_abs_deviation(x),
    ],
    "quantile": lambda p, x, y: numpy.quantile(x, p),
    "t": student,
    "median": median_interval,
    "yuen": trimmed_mean,
    "samples": samples,
    "ranks": ranks,
    "pair": lambda p, x, y: [numpy.median(numpy.log(x / y))],
}
# Rounding of the data is left in a quantile between equal values; GSL's tail of Student's t has fewer
# digits where p is below 1e-10.
ROUNDING = {"quantile": lambda most: 2e-15 * most, "yuen": lambda most: 2e-15 * most, "samples": lambda most: 1e-18}


def apart(toll, other, rounding):
    if other is None or (math.isnan(toll) and math.isnan(other)) or toll == other:
        return 0.0
    if math.isnan(toll) or math.isnan(other):
        return math.inf
    return max(0.0, abs(toll - other) - rounding) / max(abs(toll), abs(other))


worst = dict.fromkeys(ORACLES, 0.0)
answers = dict.fromkeys(ORACLES, 0)
for line in sys.stdin:
    name, *columns = line.rstrip("\n").split("\t")
    if name not in ORACLES:
        continue
    parameters, x, y, toll = (numpy.array(column.split(), dtype=float) for column in columns)
    other = ORACLES[name](parameters, x, y)
    if other is None:
        continue
    assert len(other) == len(toll), line
    most = max(numpy.max(numpy.abs(x)), numpy.max(numpy.abs(y), initial=0))
    rounding = ROUNDING.get(name, lambda most: 0)(most)
    for a, b in zip(toll, other):
        off = apart(a, b, rounding)
        if off > DIGITS:
            print(f"# {name}, {len(x)} and {len(y)} values: {a!r}, SciPy: {b!r}")
        worst[name] = max(worst[name], off)
        answers[name] += b is not None
failed = False
for number, name in enumerate(ORACLES, 1):
    fine = answers[name] > 0 and worst[name] <= DIGITS
    failed = failed or not fine
    print(f"{'ok' if fine else 'not ok'} {number} SciPy: {name}: {answers[name]} answers, at most {worst[name]:.1e} apart")
sys.exit(failed)

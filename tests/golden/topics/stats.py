"""Statistics: NumPy and SciPy in float64. Inputs have few digits, so that the file holds them exactly."""
import numpy as np
import scipy.stats as S

METHODS = {
    "invertedCdf": "inverted_cdf",
    "averagedInvertedCdf": "averaged_inverted_cdf",
    "closestObservation": "closest_observation",
    "interpolatedInvertedCdf": "interpolated_inverted_cdf",
    "hazen": "hazen",
    "weibull": "weibull",
    "linear": "linear",
    "medianUnbiased": "median_unbiased",
    "normalUnbiased": "normal_unbiased",
    "lower": "lower",
    "higher": "higher",
    "midpoint": "midpoint",
    "nearest": "nearest",
}


def numbers(n, seed, scale=3.0):
    return [round(float(v), 3) for v in np.random.RandomState(seed).standard_normal(n) * scale]


def plain(v):
    return np.asarray(v, dtype=float).tolist()


def cases():
    lists = {
        "odd": numbers(11, 0),
        "even": numbers(20, 1),
        "ties": [2, 1, 3, 2, 1, 5, 3, 9, 3, 1],
        "two": [1.5, -2.25],
        "far": [1e4 + v for v in (0.125, 0.5, 0.25, 0.875, 0.625)],
        "skewed": [round(float(v) ** 2, 3) for v in numbers(31, 2)],
    }
    for name, x in lists.items():
        a = np.array(x)
        n = len(x)
        m = S.mode(a, keepdims=False)
        out = {
            "mean": a.mean(),
            "median": np.median(a),
            "mode": {"mode": float(m.mode), "count": int(m.count)},
            "variance": a.var(),
            "std": a.std(ddof=1),
            "iqr": S.iqr(a),
            "skewness": float(S.skew(a)),
            "skewnessUnbiased": float(S.skew(a, bias=False)) if n > 2 else "nan",
            "kurtosis": float(S.kurtosis(a)),
            "kurtosisPearson": float(S.kurtosis(a, fisher=False)),
            "kurtosisUnbiased": float(S.kurtosis(a, bias=False)) if n > 3 else "nan",
            "norms": [float(np.linalg.norm(a, p)) for p in (1, 2, 3, np.inf, -np.inf, 0)],
            "ranks": plain(S.rankdata(a)),
        }
        yield {"name": "list: " + name, "x": x, "out": {k: float(v) if isinstance(v, np.generic) else v for k, v in out.items()}}
        for ours, theirs in METHODS.items():
            qs = [0, 0.1, 0.25, 0.37, 0.5, 0.9, 0.95, 1]
            if ours == "closestObservation":  # NumPy before 2.1 breaks ties otherwise than Hyndman and Fan
                qs = [q for q in qs if abs((n * q - 0.5) % 1) > 1e-9]
            yield {"name": "quantile: %s %s" % (name, ours), "x": x, "q": qs, "method": ours,
                   "out": plain(np.quantile(a, qs, method=theirs))}
        for bins in (3, 10, "auto", "fd", "scott", "rice", "sturges", "sqrt"):
            c, e = np.histogram(a, bins=bins)
            yield {"name": "histogram: %s %s" % (name, bins), "x": x, "options": {"bins": bins}, "counts": plain(c), "edges": plain(e)}
    x = lists["ties"]
    for options, kw in (
        ({"bins": [0, 1, 2, 3, 4]}, {"bins": [0, 1, 2, 3, 4]}),
        ({"bins": [1, 3, 3.5, 9]}, {"bins": [1, 3, 3.5, 9]}),
        ({"bins": 4, "range": [1, 5], "density": True}, {"bins": 4, "range": (1, 5), "density": True}),
        ({"bins": 3, "weights": [0.5, 1, 2, 1, 1, 1, 1, 1, 1, 3]}, {"bins": 3, "weights": [0.5, 1, 2, 1, 1, 1, 1, 1, 1, 3]}),
        ({"bins": [0, 2, 10], "density": True}, {"bins": [0, 2, 10], "density": True}),
    ):
        c, e = np.histogram(x, **kw)
        yield {"name": "histogram: ties %s" % sorted(options), "x": x, "options": options, "counts": plain(c), "edges": plain(e)}
    tenths = [round(0.1 * i, 1) for i in range(31)]  # numbers at the very edges
    c, e = np.histogram(tenths, bins=30)
    yield {"name": "histogram: tenths", "x": tenths, "options": {"bins": 30}, "counts": plain(c), "edges": plain(e)}

    table = np.array(numbers(60, 3)).reshape(15, 4)
    table[:, 3] = np.round(table[:, 0] * 2 + table[:, 3] / 2, 3)
    table[4, 1] = table[5, 1]
    yield {
        "name": "table",
        "x": table.tolist(),
        "covariance": plain(np.cov(table, rowvar=False)),
        "covariance0": plain(np.cov(table, rowvar=False, ddof=0)),
        "pearson": plain(np.corrcoef(table, rowvar=False)),
        "spearman": plain(S.spearmanr(table).statistic),
        "std": plain(table.std(0, ddof=1)),
        "quartiles": plain(np.quantile(table, [0.25, 0.5, 0.75], axis=0)),
    }

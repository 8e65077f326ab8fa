"""Classical models: scikit-learn in float64, one thread. Inputs have few digits, so that the file holds them exactly."""
import warnings

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn import cluster, decomposition, linear_model, manifold, mixture, neighbors, semi_supervised

warnings.simplefilter("ignore")
R = np.random.RandomState


def rounded(a):
    return np.round(a, 3)


def plain(v):
    return np.asarray(v, dtype=float).tolist()


def regression(n=40, p=5, seed=0):
    r = R(seed)
    x = rounded(r.standard_normal((n, p)) * [1, 2, 0.5, 1, 3] + [0, 5, -1, 100, 0])
    y = rounded(x @ [1.5, -2, 0, 0.5, 0] + 3 + r.standard_normal(n))
    return x, y


def blobs(n=90, seed=1, spread=1.0):
    r = R(seed)
    centers = np.array([[0, 0, 0], [4, 1, -2], [-1, 5, 2]])
    labels = r.randint(0, 3, n)
    return rounded(centers[labels] + spread * r.standard_normal((n, 3))), labels


def cases():
    x, y = regression()
    new = rounded(R(9).standard_normal((6, 5)) * 2)
    wide = x[:4]

    def linear(name, model, options, x, y, ours=None):
        model.fit(x, y)
        return {
            "name": ours or name, "group": "linear", "options": options, "x": plain(x), "y": plain(y), "new": plain(new),
            "out": {"coef": plain(model.coef_), "intercept": float(model.intercept_), "predict": plain(model.predict(new)),
                    "score": float(model.score(x, y))},
        }

    yield linear("LinearRegression", linear_model.LinearRegression(), {}, x, y)
    yield linear("LinearRegression", linear_model.LinearRegression(fit_intercept=False), {"fitIntercept": False}, x, y)
    # scikit-learn 1.2 takes the rounding of the centered columns for a direction: the least norm by NumPy instead.
    few = linear("LinearRegression", linear_model.LinearRegression(), {}, wide, y[:4])
    coef = np.linalg.pinv(wide - wide.mean(0), rcond=1e-10) @ (y[:4] - y[:4].mean())
    intercept = y[:4].mean() - wide.mean(0) @ coef
    few["out"] = {"coef": plain(coef), "intercept": float(intercept), "predict": plain(new @ coef + intercept), "score": 1.0}
    yield few
    twice = np.hstack([x[:, :4], x[:, :1]])
    yield linear("LinearRegression", linear_model.LinearRegression(), {}, twice, y)
    for alpha in (1.0, 0.0, 30.0):
        yield linear("Ridge", linear_model.Ridge(alpha=alpha), {"alpha": alpha}, x, y)
    yield linear("Ridge", linear_model.Ridge(alpha=2, fit_intercept=False), {"alpha": 2, "fitIntercept": False}, x, y)
    tight = dict(tol=1e-12, max_iter=100000)
    t = {"tol": 1e-12, "maxIter": 100000}
    for options, kw in [
        ({}, {}), ({"alpha": 0.1}, {"alpha": 0.1}), ({"alpha": 0.1, "fitIntercept": False}, {"alpha": 0.1, "fit_intercept": False}),
        ({"alpha": 0.1, "positive": True}, {"alpha": 0.1, "positive": True}),
    ]:
        for pre in (False, True):
            yield linear("Lasso", linear_model.Lasso(precompute=pre, **tight, **kw), {**t, **options, "precompute": pre}, x, y)
    for options, kw in [({}, {}), ({"alpha": 0.3, "l1Ratio": 0.8}, {"alpha": 0.3, "l1_ratio": 0.8})]:
        for pre in (False, True):
            yield linear("ElasticNet", linear_model.ElasticNet(precompute=pre, **tight, **kw), {**t, **options, "precompute": pre}, x, y)

    # The same number of passes, at the tolerance of the defaults.
    m = linear_model.Lasso(alpha=0.1).fit(x, y)
    yield {"name": "Lasso", "group": "passes", "x": plain(x), "y": plain(y), "options": {"alpha": 0.1}, "out": int(m.n_iter_), "gap": float(m.dual_gap_)}
    alphas, coefs, gaps = linear_model.lasso_path(x - x.mean(0), y - y.mean(), n_alphas=12, tol=1e-10, max_iter=100000)
    yield {"name": "lassoPath", "group": "path", "x": plain(x), "y": plain(y), "options": {"nAlphas": 12, "tol": 1e-10, "maxIter": 100000, "fitIntercept": True},
           "out": {"alphas": plain(alphas), "coefs": plain(coefs)}}

    bx, labels = blobs()
    query = rounded(R(5).standard_normal((8, 3)) * 3)
    for name, kw, options, l in [
        ("three", {}, {}, labels), ("two", {}, {}, (labels > 0).astype(int)), ("C", {"C": 0.1}, {"C": 0.1}, labels),
        ("bare", {"penalty": None, "fit_intercept": False}, {"penalty": None, "fitIntercept": False}, (bx[:, 0] + R(3).standard_normal(90) > 1).astype(int) * 4 + 1),
    ]:
        m = linear_model.LogisticRegression(solver="newton-cg", tol=1e-12, max_iter=10000, **kw).fit(bx, l)
        yield {"name": "LogisticRegression", "group": "logistic", "note": name, "options": {"tol": 1e-9, "maxIter": 10000, **options}, "x": plain(bx), "y": plain(l), "new": plain(query),
               "out": {"coef": plain(m.coef_), "intercept": plain(m.intercept_), "proba": plain(m.predict_proba(query)), "predict": plain(m.predict(query)), "score": float(m.score(bx, l))}}

    starts = {"rows": bx[:4], "empty": np.vstack([bx[:3], [[50, 50, 50]]]), "twice": bx[[0, 0, 1]], "two empty": np.vstack([bx[:2], [[60, 60, 60], [70, -70, 70]]])}
    for name, init in starts.items():
        m = cluster.KMeans(len(init), init=init, n_init=1).fit(bx)
        yield {"name": "KMeans", "group": "kmeans", "note": name, "x": plain(bx), "init": plain(init), "new": plain(query),
               "out": {"centers": plain(m.cluster_centers_), "labels": plain(m.labels_), "inertia": float(m.inertia_), "iterations": int(m.n_iter_),
                       "predict": plain(m.predict(query)), "transform": plain(m.transform(query)), "score": float(m.score(query))}}
    best = cluster.KMeans(5, n_init=20, random_state=0).fit(bx)
    yield {"name": "KMeans", "group": "inertia", "x": plain(bx), "k": 5, "out": float(best.inertia_)}

    for kind in ("full", "tied", "diag", "spherical"):
        # From the same clusters: those of k-means, which find the three blobs whatever the start.
        km = cluster.KMeans(3, n_init=10, random_state=0).fit(bx)
        m = mixture.GaussianMixture(3, covariance_type=kind, tol=1e-10, max_iter=1000, random_state=0).fit(bx)
        order = np.argsort(m.means_[:, 0])
        yield {"name": "GaussianMixture", "group": "mixture", "x": plain(bx), "new": plain(query),
               "options": {"nComponents": 3, "covarianceType": kind, "tol": 1e-10, "maxIter": 1000},
               "out": {"means": plain(m.means_[order]), "weights": plain(m.weights_[order]), "logs": plain(m.score_samples(query)),
                       "proba": plain(m.predict_proba(query)[:, order]), "bic": float(m.bic(bx)), "aic": float(m.aic(bx)), "score": float(m.score(bx))}}

    moons = rounded(np.vstack([np.c_[np.cos(t), np.sin(t)] for t in (np.linspace(0, 3, 30),)] + [np.c_[1 - np.cos(t), 0.5 - np.sin(t)] for t in (np.linspace(0, 3, 30),)])
                    + 0.05 * R(4).standard_normal((60, 2)))
    for eps, least in ((0.3, 5), (0.15, 3), (0.01, 5), (5.0, 2)):
        m = cluster.DBSCAN(eps=eps, min_samples=least).fit(moons)
        yield {"name": "DBSCAN", "group": "dbscan", "x": plain(moons), "options": {"eps": eps, "minSamples": least}, "out": {"labels": plain(m.labels_), "cores": plain(m.core_sample_indices_)}}

    px = rounded(R(6).standard_normal((30, 6)) @ R(7).standard_normal((6, 6)) + [0, 10, 0, -3, 0, 1000])
    for options, kw in [
        ({}, {}), ({"nComponents": 2}, {"n_components": 2}), ({"nComponents": 0.9}, {"n_components": 0.9}),
        ({"nComponents": 3, "whiten": True}, {"n_components": 3, "whiten": True}),
    ]:
        m = decomposition.PCA(svd_solver="full", **kw).fit(px)
        flip = np.sign(m.components_[np.arange(len(m.components_)), np.abs(m.components_).argmax(1)])[:, None]
        out = m.transform(px[:5]) * flip.T
        yield {"name": "PCA", "group": "pca", "x": plain(px), "options": options, "new": plain(px[:5]),
               "out": {"components": plain(m.components_ * flip), "variance": plain(m.explained_variance_), "ratio": plain(m.explained_variance_ratio_),
                       "singular": plain(m.singular_values_), "noise": float(m.noise_variance_), "transform": plain(out), "back": plain(m.inverse_transform(m.transform(px[:5]))),
                       # Of a whitened model scikit-learn's is not the likelihood that it has without whitening.
                       "score": float(m.score(px)) if not kw.get("whiten") else float(decomposition.PCA(3, svd_solver="full").fit(px).score(px))}}

    for weights in ("uniform", "distance"):
        c = neighbors.KNeighborsClassifier(5, weights=weights, algorithm="brute").fit(bx, labels)
        g = neighbors.KNeighborsRegressor(4, weights=weights, algorithm="brute").fit(bx, bx[:, 0] * 2)
        both = np.vstack([query, bx[:2]])
        d, i = c.kneighbors(both)
        yield {"name": "neighbors", "group": "neighbors", "weights": weights, "x": plain(bx), "y": plain(labels), "new": plain(both),
               "out": {"distances": plain(d), "indices": plain(i), "proba": plain(c.predict_proba(both)), "predict": plain(c.predict(both)), "values": plain(g.predict(both))}}

    tx, _ = blobs(60, 8)
    init = rounded(R(2).standard_normal((60, 2)))
    # One gradient and the divergence of given points: later steps multiply the differences of rounding.
    p = manifold._t_sne._joint_probabilities(squareform(pdist(tx, "sqeuclidean")).astype(np.float32), 20, 0)
    kl, gradient = manifold._t_sne._kl_divergence(init.ravel(), p, 1, 60, 2)
    yield {"name": "TSNE", "group": "tsne", "x": plain(tx), "init": plain(init), "options": {"perplexity": 20, "nIter": 1, "earlyExaggeration": 1, "learningRate": 1},
           "out": {"kl": float(kl), "moved": plain(init - 0.8 * gradient.reshape(60, 2))}}
    worst = 0.0
    for seed in range(4):  # local minima: that of any start
        m = manifold.TSNE(init="random", perplexity=8, n_iter=600, learning_rate="auto", random_state=seed)
        m.fit_transform(tx)
        worst = max(worst, float(m.kl_divergence_))
    yield {"name": "TSNE", "group": "tsne end", "x": plain(tx), "options": {"perplexity": 8, "nIter": 600}, "out": {"kl": worst}}

    # Rows that count more or less, one not at all.
    weights = rounded(R(11).rand(40) * 3)
    weights[5] = 0
    scoring = rounded(R(12).rand(40))

    def weighted(name, model, options, x, y, weights, scoring):
        model.fit(x, y, sample_weight=weights)
        out = {"coef": plain(model.coef_), "intercept": plain(model.intercept_), "score": float(model.score(x, y, sample_weight=scoring))}
        return {"name": name, "group": "weighted", "options": options, "x": plain(x), "y": plain(y), "weights": plain(weights), "scoring": plain(scoring), "out": out}

    for bare in ({}, {"fit_intercept": False}):
        o = {"fitIntercept": False} if bare else {}
        yield weighted("LinearRegression", linear_model.LinearRegression(**bare), o, x, y, weights, scoring)
        yield weighted("Ridge", linear_model.Ridge(alpha=2, **bare), {"alpha": 2, **o}, x, y, weights, scoring)
        # scikit-learn 1.2 has no weights beside a Gram matrix that is given: nabla's two ways meet the same numbers.
        for pre in (False, True):
            yield weighted("Lasso", linear_model.Lasso(alpha=0.1, **tight, **bare), {**t, "alpha": 0.1, "precompute": pre, **o}, x, y, weights, scoring)
            yield weighted("ElasticNet", linear_model.ElasticNet(alpha=0.2, **tight, **bare), {**t, "alpha": 0.2, "precompute": pre, **o}, x, y, weights, scoring)
    bw = rounded(R(13).rand(90) * 2)
    bw[7] = 0
    for l in (labels, (labels > 0).astype(int)):
        m = linear_model.LogisticRegression(solver="newton-cg", tol=1e-12, max_iter=10000)
        yield weighted("LogisticRegression", m, {"tol": 1e-9, "maxIter": 10000}, bx, l, bw, bw[::-1])
    for name, init in starts.items():
        m = cluster.KMeans(len(init), init=init, n_init=1).fit(bx, sample_weight=bw)
        yield {"name": "KMeans", "group": "weighted clusters", "note": name, "x": plain(bx), "init": plain(init), "new": plain(query), "weights": plain(bw),
               "out": {"centers": plain(m.cluster_centers_), "labels": plain(m.labels_), "inertia": float(m.inertia_), "score": float(m.score(query, sample_weight=bw[:8]))}}
    for eps, least in ((0.3, 5), (0.15, 3)):
        m = cluster.DBSCAN(eps=eps, min_samples=least).fit(moons, sample_weight=bw[:60])
        yield {"name": "DBSCAN", "group": "weighted density", "x": plain(moons), "weights": plain(bw[:60]), "options": {"eps": eps, "minSamples": least},
               "out": {"labels": plain(m.labels_), "cores": plain(m.core_sample_indices_)}}

    few = np.where(np.arange(90) % 9 == 0, labels, -1)
    for options, kw in [({"gamma": 1, "maxIter": 300, "tol": 1e-9}, {"gamma": 1, "max_iter": 300, "tol": 1e-9}), ({"kernel": "knn", "maxIter": 300, "tol": 1e-9}, {"kernel": "knn", "max_iter": 300, "tol": 1e-9})]:
        m = semi_supervised.LabelPropagation(**kw).fit(bx, few)
        yield {"name": "LabelPropagation", "group": "propagation", "x": plain(bx), "y": plain(few), "options": options, "new": plain(query),
               "out": {"transduction": plain(m.transduction_), "proba": plain(np.nan_to_num(m.predict_proba(query), nan=0.5)), "distributions": plain(m.label_distributions_)}}
    for options, kw in [({}, {}), ({"criterion": "kBest", "kBest": 6}, {"criterion": "k_best", "k_best": 6}), ({"threshold": 0.95, "maxIter": 2}, {"threshold": 0.95, "max_iter": 2})]:
        m = semi_supervised.SelfTrainingClassifier(linear_model.LogisticRegression(tol=1e-10, max_iter=10000), **kw).fit(bx, few)
        yield {"name": "SelfTraining", "group": "self", "x": plain(bx), "y": plain(few), "options": options,
               "out": {"labels": plain(m.transduction_), "iter": plain(m.labeled_iter_), "why": m.termination_condition_}}

"""Data work: scikit-learn in float64. Inputs have few digits, so that the file holds them exactly."""
import numpy as np
from sklearn import feature_selection as F
from sklearn import impute, linear_model, metrics, model_selection

R = np.random.RandomState


def plain(v):
    return np.asarray(v, dtype=float).tolist()


def cases():
    r = R(0)
    y = r.randint(0, 3, 60)
    x = np.round(r.standard_normal((60, 5)), 7)
    x[:, 0] += y
    x[:, 1] -= 0.3 * y
    x[:, 4] = 2.5
    t = np.round(2 * x[:, 0] - x[:, 2] ** 2 + 0.1 * r.standard_normal(60), 7)
    f, p = F.f_classif(x[:, :4], y)
    yield {"name": "fClassif", "x": plain(x[:, :4]), "y": plain(y), "scores": plain(f), "p": plain(p)}
    f, p = F.f_regression(x[:, :4], t)
    yield {"name": "fRegression", "x": plain(x[:, :4]), "y": plain(t), "scores": plain(f), "p": plain(p), "r": plain(F.r_regression(x[:, :4], t))}
    for k in (3, 5):
        yield {"name": "mutualInfo", "x": plain(x[:, :4]), "y": plain(y), "t": plain(t), "k": k,
               "classif": plain(F.mutual_info_classif(x[:, :4], y, n_neighbors=k, random_state=0)),
               "regression": plain(F.mutual_info_regression(x[:, :4], t, n_neighbors=k, random_state=0))}
    lasso = linear_model.Lasso(alpha=0.05)
    yield {"name": "select", "x": plain(x), "y": plain(y), "t": plain(t),
           "variance": F.VarianceThreshold().fit(x).get_support(indices=True).tolist(),
           "variance09": F.VarianceThreshold(0.9).fit(x).get_support(indices=True).tolist(),
           "best": F.SelectKBest(F.f_classif, k=2).fit(x[:, :4], y).get_support(indices=True).tolist(),
           "lasso": F.SelectFromModel(lasso).fit(x, t).get_support(indices=True).tolist()}
    gaps = x[:8].copy()
    gaps[1, 0] = gaps[3, 2] = gaps[4, 2] = np.nan
    gaps[:, 3] = [1, 2, 2, 3, 3, np.nan, 5, 0]
    for ours, theirs in (("mean", "mean"), ("median", "median"), ("mostFrequent", "most_frequent"), ("constant", "constant")):
        m = impute.SimpleImputer(strategy=theirs, fill_value=-1)
        yield {"name": "SimpleImputer", "strategy": ours, "x": plain(gaps), "out": plain(m.fit_transform(gaps))}

    truth = r.randint(0, 4, 50)
    guess = np.where(r.rand(50) < 0.6, truth, r.randint(0, 4, 50))
    guess[guess == 2] = 1  # a class that is never predicted
    d = metrics.classification_report(truth, guess, output_dict=True, zero_division=0)
    yield {"name": "report", "truth": plain(truth), "guess": plain(guess), "out": d, "text": metrics.classification_report(truth, guess, zero_division=0)}
    target = r.randint(0, 2, 40)
    scores = np.round(target * 0.5 + r.standard_normal(40), 1)  # with ties
    for drop in (True, False):
        fpr, tpr, th = metrics.roc_curve(target, scores, drop_intermediate=drop)
        yield {"name": "roc", "drop": drop, "target": plain(target), "scores": plain(scores), "fpr": plain(fpr), "tpr": plain(tpr), "thresholds": plain(th[1:])}
    pr, rc, th = metrics.precision_recall_curve(target, scores)
    # scikit-learn keeps thresholds below the one of full recall since 1.1, as nabla does.
    yield {"name": "pr", "target": plain(target), "scores": plain(scores), "precision": plain(pr), "recall": plain(rc), "thresholds": plain(th),
           "average": float(metrics.average_precision_score(target, scores))}
    w = np.round(r.rand(50) * 3, 3)
    w[3] = 0
    wt = w[:40]
    fpr, tpr, th = metrics.roc_curve(target, scores, sample_weight=wt, drop_intermediate=False)
    pr, rc, _ = metrics.precision_recall_curve(target, scores, sample_weight=wt)
    many = np.round(r.rand(50, 4), 3)
    yield {"name": "weighted", "weights": plain(w), "truth": plain(truth), "guess": plain(guess), "target": plain(target), "scores": plain(scores), "many": plain(many),
           "accuracy": float(metrics.accuracy_score(truth, guess, sample_weight=w)), "confusion": plain(metrics.confusion_matrix(truth, guess, sample_weight=w)),
           "report": metrics.classification_report(truth, guess, sample_weight=w, output_dict=True, zero_division=0),
           "mse": float(metrics.mean_squared_error(truth, guess, sample_weight=w)), "mae": float(metrics.mean_absolute_error(truth, guess, sample_weight=w)),
           "r2": float(metrics.r2_score(truth, guess, sample_weight=w)), "auc": float(metrics.roc_auc_score(target, scores, sample_weight=wt)),
           "fpr": plain(fpr), "tpr": plain(tpr), "thresholds": plain(th[1:]), "precision": plain(pr), "recall": plain(rc),
           "average": float(metrics.average_precision_score(target, scores, sample_weight=wt)),
           "top2": float(metrics.top_k_accuracy_score(truth, many, k=2, sample_weight=w))}
    yield {"name": "clusters", "x": plain(x), "y": plain(y), "other": plain(guess[:40].tolist() + truth[:20].tolist()),
           "samples": plain(metrics.silhouette_samples(x, y)), "score": float(metrics.silhouette_score(x, y)),
           "rand": float(metrics.adjusted_rand_score(y, guess[:40].tolist() + truth[:20].tolist()))}
    ridge = linear_model.Ridge()
    sizes, train, test = model_selection.learning_curve(ridge, x, t, cv=4, train_sizes=[0.2, 0.5, 1.0])
    vt, vs = model_selection.validation_curve(ridge, x, t, param_name="alpha", param_range=[0.1, 10, 1000], cv=3)
    yield {"name": "validation", "x": plain(x), "y": plain(t), "cross": plain(model_selection.cross_val_score(ridge, x, t, cv=7)),
           "sizes": plain(sizes), "train": plain(train), "test": plain(test), "valueTrain": plain(vt), "valueTest": plain(vs)}

import numpy as np
import torch
from sklearn import preprocessing as P

from common import values


def cases():
    x = values(7, 3)
    x[:, 2] = 1.5  # a constant column
    y = values(4, 3, seed=5, lo=-3, hi=3)
    for name, make in [
        ("StandardScaler", lambda: (P.StandardScaler(), {})),
        ("StandardScaler", lambda: (P.StandardScaler(with_mean=False), {"withMean": False})),
        ("StandardScaler", lambda: (P.StandardScaler(with_std=False), {"withStd": False})),
        ("MinMaxScaler", lambda: (P.MinMaxScaler(), {})),
        (
            "MinMaxScaler",
            lambda: (P.MinMaxScaler(feature_range=(-2, 3), clip=True), {"featureRange": [-2, 3], "clip": True}),
        ),
        ("PolynomialFeatures", lambda: (P.PolynomialFeatures(), {})),
        ("PolynomialFeatures", lambda: (P.PolynomialFeatures(3), {"degree": 3})),
        (
            "PolynomialFeatures",
            lambda: (P.PolynomialFeatures(3, interaction_only=True), {"degree": 3, "interactionOnly": True}),
        ),
        ("PolynomialFeatures", lambda: (P.PolynomialFeatures(2, include_bias=False), {"includeBias": False})),
    ]:
        scaler, options = make()
        scaler.fit(x.double().numpy())
        out = scaler.transform(y.double().numpy())
        yield {
            "name": name,
            "options": options,
            "x": x,
            "y": y,
            "out": torch.tensor(out, dtype=torch.float32),
            "back": torch.tensor(scaler.inverse_transform(out), dtype=torch.float32)
            if hasattr(scaler, "inverse_transform")
            else None,
        }
    rows = [["red", 3], ["blue", 1], ["green", 1], ["blue", 3]]
    for drop, ours in [(None, None), ("first", "first"), ("if_binary", "ifBinary")]:
        e = P.OneHotEncoder(drop=drop, sparse_output=False).fit(np.array(rows, dtype=object))
        yield {
            "name": "OneHotEncoder",
            "options": {"drop": ours},
            "rows": rows,
            "out": torch.tensor(e.transform(np.array(rows, dtype=object)), dtype=torch.float32),
            "names": e.get_feature_names_out().tolist(),
        }

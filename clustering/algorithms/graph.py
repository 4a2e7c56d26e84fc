"""The affinity graph built on neighbour lists, and its Laplacian (Zhao et al. 2018, Eq. 1)."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from clustering.algorithms.neighbours import Neighbours
from clustering.algorithms.settings import Affinity, GraphKind, LaplacianKind


@dataclass(frozen=True)
class Graph:
    """An undirected affinity graph."""

    affinity: sp.csr_array
    """(N, N) float32, symmetric, empty diagonal."""
    sigma: float
    """Width of the affinity, in the unit of the distances: sigma of the Gaussian, 1 / gamma of the exponential."""
    isolated: NDArray[np.bool_]
    """(N,) faces without any edge."""


def neighbour_graph(
    neighbours: Neighbours,
    *,
    kind: GraphKind = "mutual",
    keep_nearest: bool = True,
    affinity: Affinity = "gaussian",
    sigma: float | None = None,
) -> Graph:
    """Affinity of the faces in each other's neighbour lists.

    "gaussian" is exp(-d^2 / 2 sigma^2), "exponential" the exp(-gamma d) of Eq. 1 with gamma = 1 / sigma; sigma
    is the median distance unless given. "mutual" keeps an edge when both ends list each other, "union" when
    either does. `keep_nearest` adds each face's edge to its nearest neighbour to a mutual graph, so that no
    face is cut off; without it, isolated faces are told in `Graph.isolated`. Faces all alike (sigma 0) get
    affinity 1.
    """
    n, k = neighbours.indices.shape
    width = float(np.median(neighbours.distances)) if sigma is None else float(sigma)
    if width < 0 or not np.isfinite(width):
        raise ValueError(f"sigma must be a positive number, not {width!r}.")
    if kind not in ("mutual", "union"):
        raise ValueError(f"kind must be mutual or union, not {kind!r}.")
    if affinity not in ("gaussian", "exponential"):
        raise ValueError(f"affinity must be gaussian or exponential, not {affinity!r}.")
    apart = np.minimum(neighbours.distances / np.float32(max(width, 1e-19)), np.float32(100))
    # An edge far out in the tail would underflow to 0 and vanish from the pattern.
    weights = np.maximum(np.exp(-(apart**2) / 2 if affinity == "gaussian" else -apart), np.float32(1e-12))
    rows = np.arange(0, n * k + 1, k)
    one_way = sp.csr_array((weights.ravel(), neighbours.indices.ravel(), rows), shape=(n, n))
    other_way = one_way.T.tocsr()
    if kind == "union":
        edges = one_way.maximum(other_way)
    else:
        edges = one_way.minimum(other_way)
        if keep_nearest:
            first = (weights[:, 0], (np.arange(n), neighbours.indices[:, 0]))
            nearest = sp.csr_array(first, shape=(n, n))
            edges = edges.maximum(nearest).maximum(nearest.T.tocsr())
    edges = sp.csr_array(edges)
    edges.eliminate_zeros()
    edges.sort_indices()
    return Graph(edges, width, np.diff(edges.indptr) == 0)


def graph_laplacian(graph: Graph, kind: LaplacianKind = "symmetric") -> sp.csr_array:
    """The Laplacian (N, N) float32 of a graph: I - D^-1/2 A D^-1/2, I - D^-1 A, or D - A.

    The random-walk form is returned as (L + L^T) / 2, since only its symmetric part enters the quadratic form
    of Eqs. 2 and 3. An isolated face keeps 1 on the diagonal (the unnormalised form: the mean degree), so
    that it sits in the middle of the spectrum and does not take up an embedding dimension of its own.
    """
    if kind not in ("symmetric", "random_walk", "unnormalised"):
        raise ValueError(f"kind must be symmetric, random_walk or unnormalised, not {kind!r}.")
    a = graph.affinity
    degree = np.asarray(a.sum(axis=1), dtype=np.float64).ravel()
    alone = degree <= 0
    safe = np.where(alone, 1.0, degree)
    if kind == "symmetric":
        scaled = _scaled(a, 1.0 / np.sqrt(safe), 1.0 / np.sqrt(safe))
        diagonal = np.ones(len(degree))
    elif kind == "random_walk":
        one_way = _scaled(a, 1.0 / safe, np.ones(len(degree)))
        scaled = (one_way + one_way.T) * 0.5
        diagonal = np.ones(len(degree))
    else:
        scaled = a
        diagonal = np.where(alone, degree.mean(), degree)
    lap = sp.diags_array(diagonal, format="csr") - scaled
    out = sp.csr_array(lap, dtype=np.float32)
    out.sort_indices()
    return out


def _scaled(a: sp.csr_array, left: NDArray[np.float64], right: NDArray[np.float64]) -> sp.csr_array:
    rows = np.repeat(left, np.diff(a.indptr))
    return sp.csr_array((a.data * rows * right[a.indices], a.indices, a.indptr), shape=a.shape)

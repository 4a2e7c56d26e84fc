"""The JSON-ready account of a run: rates, changes, weights of the witnesses, quality of the clusters."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.groups import UNKNOWN, lambda_literal
from clustering.algorithms.inputs import WSCInput
from clustering.algorithms.results import ClusterTable, PartialResult
from clustering.algorithms.scores import agreement_f1
from clustering.algorithms.settings import WSCSettings
from clustering.algorithms.sweep import SWEEP_COLUMNS
from clustering.algorithms.votes import KEPT_WORDS, Vote


def run_summary(
    given: WSCInput,
    vote: Vote,
    tables: list[ClusterTable],
    parts: list[PartialResult],
    membership: NDArray[np.int32],
    settings: WSCSettings,
    seed: int,
    facts: dict[str, object],
) -> dict[str, Any]:
    """Counts and qualities of a run as plain Python values; NaN becomes None."""
    n, aus = given.weak.shape
    return {
        "faces": n,
        "aus": aus,
        "seed": seed,
        "settings": settings.as_dict(),
        **facts,
        "per_au": [_au_summary(given, vote, a) for a in range(aus)],
        "partitions": [_partition_summary(t, p, membership[:, t.aus[0]]) for t, p in zip(tables, parts, strict=True)],
    }


def _au_summary(given: WSCInput, vote: Vote, a: int) -> dict[str, Any]:
    weak, proposal = given.weak[:, a], vote.proposal[:, a]
    known, proposed = weak != UNKNOWN, proposal != UNKNOWN
    out: dict[str, Any] = {
        "weak_rate": _number(np.mean(weak[known] == 1)) if known.any() else None,
        "proposal_rate": _number(np.mean(proposal[proposed] == 1)) if proposed.any() else None,
        "base_rate": _number(vote.base_rate[a]),
        "cut": _number(vote.cut[a]),
        "changed": int((known & proposed & (weak != proposal)).sum()),
        "added": int((~known & proposed).sum()),
        "kept": {KEPT_WORDS[reason]: int((vote.kept[:, a] == reason).sum()) for reason in KEPT_WORDS},
        "witnesses": {name: _number(w) for name, w in zip(vote.witness_names, vote.weights[a], strict=True)},
    }
    if given.reference is not None:
        reference = given.reference[:, a]
        weak_agreement, weak_f1 = agreement_f1(reference, weak)
        agreement, f1 = agreement_f1(reference, proposal)
        out["held_out"] = {
            "faces": int((reference != UNKNOWN).sum()),
            "weak_agreement": weak_agreement,
            "weak_f1": weak_f1,
            "agreement": agreement,
            "f1": f1,
            "log_loss": _number(vote.held_out_loss[a]),
        }
    return out


def _partition_summary(table: ClusterTable, part: PartialResult, membership: NDArray[np.int32]) -> dict[str, Any]:
    sizes = table.size
    return {
        "aus": list(table.aus),
        "clusters": len(sizes),
        "largest": int(sizes.max(initial=0)),
        "median_size": _number(np.median(sizes)) if len(sizes) else None,
        "noise": int((membership == 0).sum()),
        "expected_corrections": _number(table.corrections.sum()),
        "objective": _number(part.facts[0]),
        "residual": _number(part.facts[1]),
        "converged": bool(part.facts[2]),
        "iterations": int(part.facts[3]),
        "umqi": _number(part.facts[4]),
        "lam": float(part.facts[5]),
        "lam_literal": lambda_literal(float(part.facts[5]), len(part.clusters)),
        "sweep": [{name: _number(v) for name, v in zip(SWEEP_COLUMNS, row, strict=True)} for row in part.sweep],
        "plane_lams": part.plane_lams.tolist(),
    }


def _number(value: Any) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None

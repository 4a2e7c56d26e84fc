"""The whole run: what it gives, that it repeats and resumes, and what it refuses."""

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clustering.algorithms.callbacks import Cancelled
from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.algorithms.results import PartialResult, WSCResult
from clustering.algorithms.scores import adjusted_rand_index, agreement_f1
from clustering.algorithms.settings import WSCSettings
from tests.clustering.algorithms.worlds import Blobs, blobs

SMALL = WSCSettings(neighbours=12, cluster_neighbours=12, dimensions=6, sweep_steps=4)
WORLD = blobs(400, aus=3)


def run(world: Blobs = WORLD, **changes: Any) -> WSCResult:
    given: dict[str, Any] = {"scores": world.scores, "reference": world.reference, "settings": SMALL}
    return weakly_supervised_clustering(world.features, world.weak, **(given | changes))


@pytest.fixture(scope="module")
def result() -> WSCResult:
    return run()


def same(one: WSCResult, two: WSCResult) -> bool:
    arrays = ("membership", "proposal", "probability", "outlier_score")
    return all(np.array_equal(getattr(one, a), getattr(two, a)) for a in arrays) and one.summary == two.summary


@pytest.mark.parametrize("known", ["scores and reference", "reference", "scores", "weak labels alone"])
def test_proposals_agree_better_than_weak_labels(known: str) -> None:
    proposal = run(
        scores=WORLD.scores if "scores" in known else None,
        reference=WORLD.reference if "reference" in known else None,
    ).proposal
    rest = WORLD.reference[:, 0] == -1
    for a in range(3):
        truth = WORLD.truth[rest, a]
        assert agreement_f1(truth, proposal[rest, a])[0] > agreement_f1(truth, WORLD.weak[rest, a])[0] + 0.05
        assert agreement_f1(truth, proposal[rest, a])[1] > agreement_f1(truth, WORLD.weak[rest, a])[1]


def test_a_run_repeats_itself_under_its_seed(result: WSCResult) -> None:
    assert same(result, run())


@pytest.mark.parametrize("cut", ["local", "density", "global"])
def test_every_cut_leaves_clusters_of_delta_faces_to_noise(cut: str) -> None:
    given = replace(SMALL, cut=cut, delta=8, cluster_least=1, noise_fraction=0.0)
    membership = run(settings=given).membership
    sizes = np.bincount(membership[:, 0])[1:]
    assert len(sizes) >= 1
    assert sizes.min() > 8


def test_a_resumed_run_ends_like_an_unbroken_one(result: WSCResult) -> None:
    kept: dict[int, PartialResult] = {}

    def keep(index: int, partial: PartialResult) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, **partial.to_arrays())
        buffer.seek(0)
        kept[index] = PartialResult.from_arrays(np.load(buffer, allow_pickle=False))

    with pytest.raises(Cancelled):
        run(on_partition=keep, cancelled=lambda: len(kept) == 2)
    made: list[int] = []
    resumed = run(done=kept, on_partition=lambda index, _: made.append(index))
    assert made == [2]
    assert same(resumed, result)


def test_clusters_are_numbered_without_gaps_and_noise_is_nought(result: WSCResult) -> None:
    for a, table in enumerate(result.clusters):
        sizes = np.bincount(result.membership[:, a])
        assert (sizes[1:] == table.size).all()
        assert (table.size > 0).all()
    odd = np.argsort(-result.outlier_score, kind="stable")[: round(0.02 * 400)]
    assert (result.membership[odd] == 0).all()


def test_cluster_tables_count_what_they_say(result: WSCResult) -> None:
    table = result.clusters[1]
    inside = result.membership[:, 1] == table.number[0]
    y, p, w = result.proposal[inside, 1], result.probability[inside, 1], WORLD.weak[inside, 1]
    assert table.positive_share[0, 0] == pytest.approx((y == 1).mean(), abs=1e-6)
    assert table.weak_share[0, 0] == pytest.approx((w == 1).mean(), abs=1e-6)
    assert table.agreement[0, 0] == pytest.approx(max((y == 1).mean(), (y == 0).mean()), abs=1e-6)
    assert table.corrections[0, 0] == pytest.approx(np.where(w == 1, 1 - p, p).sum(), rel=1e-5)


def test_groups_of_sets_do_not_overlap_and_so_go_with_the_papers_algorithms() -> None:
    exact, descended = (
        run(settings=replace(SMALL, joint=True, groups="sets", solver=solver)) for solver in ("exact", "agd")
    )
    assert adjusted_rand_index(exact.membership[:, 0], descended.membership[:, 0]) > 0.5


def test_a_joint_run_has_one_partition_for_all_aus() -> None:
    joint = run(settings=replace(SMALL, joint=True))
    assert len(joint.clusters) == len(joint.embeddings) == 1
    assert joint.clusters[0].aus == (0, 1, 2)
    assert joint.clusters[0].positive_share.shape[1] == 3
    assert (joint.membership == joint.membership[:, :1]).all()


def test_unknown_never_becomes_absent_where_nothing_speaks() -> None:
    weak = WORLD.weak.copy()
    weak[:, 1] = -1
    silent = weakly_supervised_clustering(WORLD.features, weak, settings=SMALL)
    assert (silent.proposal[:, 1] == -1).all()
    assert any("no proposals" in text for text in silent.warnings)


def test_faces_without_weak_label_get_proposals_from_other_witnesses() -> None:
    weak = WORLD.weak.copy()
    weak[:60] = -1
    proposal = weakly_supervised_clustering(WORLD.features, weak, settings=SMALL).proposal
    assert (proposal[:60] >= 0).all()
    assert agreement_f1(WORLD.truth[:60, 0], proposal[:60, 0])[0] > 0.9


def test_aus_without_reference_labels_are_voted_blind() -> None:
    reference = WORLD.reference.copy()
    reference[:, 2] = -1
    mixed = run(reference=reference)
    assert (mixed.proposal >= 0).all()
    assert any("1 AUs have fewer than 200 reference labels" in text for text in mixed.warnings)


def test_few_reference_labels_do_no_harm() -> None:
    reference = np.full_like(WORLD.reference, -1)
    reference[:5] = WORLD.truth[:5]
    few, none = (run(reference=given).proposal for given in (reference, None))
    assert (few == none).all()


def test_few_reference_labels_speak_where_there_is_no_weak_label() -> None:
    weak = WORLD.weak.copy()
    weak[:, 1] = -1
    reference = np.full_like(WORLD.reference, -1)
    reference[:40] = WORLD.truth[:40]
    told = weakly_supervised_clustering(
        WORLD.features, weak, scores=WORLD.scores, reference=reference, settings=SMALL
    ).proposal
    assert agreement_f1(WORLD.truth[40:, 1], told[40:, 1])[0] > 0.9


def test_summary_is_json_and_tells_the_held_out_quality(result: WSCResult) -> None:
    told = json.loads(json.dumps(result.summary, allow_nan=False))
    held = told["per_au"][0]["held_out"]
    assert held["agreement"] > held["weak_agreement"]
    assert told["partitions"][0]["converged"]


def test_progress_rises_to_one() -> None:
    heard: list[float] = []
    run(progress=lambda fraction, _: heard.append(fraction))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_few_faces_lower_the_neighbours_with_a_warning() -> None:
    few = weakly_supervised_clustering(WORLD.features[:8], WORLD.weak[:8])
    assert few.proposal.shape == (8, 3)
    assert any("neighbours lowered from 30 to 7" in text for text in few.warnings)


def test_one_class_only_is_kept() -> None:
    kept = weakly_supervised_clustering(WORLD.features, np.zeros((400, 1), np.int8), settings=SMALL)
    assert (kept.proposal == 0).all()


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "at least 3": ("two faces", {"features": WORLD.features[:2], "weak": WORLD.weak[:2]}),
    "face 5": ("NaN", {"features": np.where(np.arange(400)[:, None] == 5, np.nan, WORLD.features)}),
    "scale the features": ("too large", {"features": 1e20 * WORLD.features.astype(np.float64)}),
    "same features": ("identical", {"features": np.ones((400, 4))}),
    "nothing to correct": ("unscored", {"weak": np.full((400, 3), -1)}),
    "found 9": ("odd code", {"weak": np.where(WORLD.weak == 1, 9, 0)}),
    "between 0 and 1": ("logits", {"scores": WORLD.scores * 9 - 3}),
    "400 rows": ("rows", {"weak": WORLD.weak[:300]}),
    "Reference labels have 1": ("columns", {"reference": WORLD.reference[:, :1]}),
    "sharpness and brightness": ("quality", {"picture_quality": np.ones(400)}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_input_that_cannot_be_clustered_is_refused_in_words(message: str) -> None:
    given = {"features": WORLD.features, "weak": WORLD.weak, "settings": SMALL} | REFUSED[message][1]
    with pytest.raises(ValueError, match=message):
        weakly_supervised_clustering(given.pop("features"), given.pop("weak"), **given)


@pytest.mark.parametrize(
    "wrong",
    [{"lam": -1}, {"lam": float("nan")}, {"neighbours": 1}, {"dimensions": 2.5}, {"graph": "full"},
     {"noise_fraction": 0.9}, {"cut": "none"}, {"delta": 0}, {"delta": 30}, {"cluster_density": 0.0},
     {"cluster_least": 40, "cluster_cap": 30}, {"solver": "agd", "joint": True}],
)  # fmt: skip
def test_settings_that_cannot_be_name_themselves(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))}|joint"):
        WSCSettings(**wrong)

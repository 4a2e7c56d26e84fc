"""The choice of lambda: what the merits measure, and that a sweep takes the best."""

from dataclasses import replace

import numpy as np
import pytest

from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.algorithms.settings import WSCSettings
from clustering.algorithms.sweep import (
    SWEEP_COLUMNS,
    lambdas_spread,
    merit_by_halves,
    merit_by_reference,
    reference_usable,
)
from tests.clustering.algorithms.worlds import blobs

SMALL = WSCSettings(neighbours=12, cluster_neighbours=12, dimensions=6, sweep_steps=0, lam_steps=4)


def test_lambdas_go_from_looks_to_labels_evenly_in_their_logarithm() -> None:
    assert lambdas_spread(6) == pytest.approx([2.0**-8, 2.0**-6, 2.0**-4, 2.0**-2, 1.0, 4.0])
    with pytest.raises(ValueError, match="at least 2"):
        lambdas_spread(1)


def test_a_better_witness_of_the_reference_has_more_merit() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((900, 2)) < 0.3).astype(np.int8)
    reference = np.where(rng.random((900, 1)) < 0.5, truth, -1).astype(np.int8)
    good, poor = (np.where(truth, 1.0, -1.0) + noise * rng.normal(size=truth.shape) for noise in (0.5, 2.0))
    merits = [merit_by_reference(x[:, :, None].astype(np.float32), reference, 0).value for x in (good, poor)]
    assert merits[0] > merits[1] + 0.1


def test_merit_by_reference_is_the_log_likelihood_of_held_out_codes() -> None:
    rng = np.random.default_rng(1)
    reference = (rng.random((4000, 1)) < 0.25).astype(np.int8)
    nothing = rng.normal(size=(4000, 1, 1)).astype(np.float32)
    p = reference.mean()
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert merit_by_reference(nothing, reference, 0).value == pytest.approx(-entropy, abs=0.003)


def test_an_au_with_few_reference_codes_of_a_class_is_not_judged_by_them() -> None:
    reference = np.zeros((200, 2), np.int8)
    reference[:19] = 1
    assert not reference_usable(reference)
    reference[:20, 1] = 1
    assert reference_usable(reference)


def test_halves_that_find_the_same_agree_and_halves_that_find_noise_do_not() -> None:
    rng = np.random.default_rng(2)
    weak = (rng.random((600, 1)) < 0.4).astype(np.int8)
    same = rng.random((600, 1)).astype(np.float32)
    assert merit_by_halves(weak, lambda half: same, 0).value == pytest.approx(1.0)
    assert abs(merit_by_halves(weak, lambda half: rng.random((600, 1)).astype(np.float32), 0).value) < 0.15


def test_the_two_halves_withhold_each_code_once() -> None:
    seen = []
    weak = np.ones((50, 1), np.int8)
    merit_by_halves(weak, lambda half: seen.append(half) or np.zeros((50, 1), np.float32), 3)
    assert ((seen[0] == 1) ^ (seen[1] == 1)).all()


@pytest.mark.parametrize("known", [True, False])
def test_a_sweep_keeps_the_partition_with_the_most_merit(known: bool) -> None:
    world = blobs(300, aus=2)
    reference = world.reference if known else None
    result = weakly_supervised_clustering(world.features, world.weak, reference=reference, settings=SMALL)
    for index, part in enumerate(result.summary["partitions"]):
        merits = [row["merit"] for row in part["sweep"]]
        assert part["lam"] == part["sweep"][int(np.argmax(merits))]["lam"]
        assert {row["by_reference"] for row in part["sweep"]} == {float(known)}
        assert set(part["sweep"][0]) == set(SWEEP_COLUMNS)
        assert result.planes[index].shape == (300, 3, 2)
        assert part["plane_lams"] == [part["sweep"][0]["lam"], part["lam"], part["sweep"][-1]["lam"]]
        alone = weakly_supervised_clustering(
            world.features, world.weak, reference=reference, settings=replace(SMALL, lam_steps=0, lam=part["lam"])
        )
        assert alone.summary["partitions"][index]["objective"] == pytest.approx(part["objective"], rel=1e-3)


def test_along_a_sweep_looks_cost_more_and_labels_less() -> None:
    world = blobs(300, aus=1)
    result = weakly_supervised_clustering(world.features, world.weak, settings=SMALL)
    rows = result.summary["partitions"][0]["sweep"]
    looks, labels = ([row[name] for row in rows] for name in ("looks", "labels"))
    assert np.all(np.diff(looks) > -1e-3)
    assert np.all(np.diff(labels) < 1e-3)

"""What runs store in English can be told in the reader's language."""

from typing import Any

import pytest
from django.utils.translation import gettext_lazy as _

from annotator import stored_words as stored
from clustering.algorithms.inputs import settings_fit
from clustering.algorithms.outliers import REASON_WORDS
from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.algorithms.settings import WSCSettings
from clustering.algorithms.votes import KEPT_WORDS
from tests.clustering.algorithms.worlds import blobs

SMALL: dict[str, Any] = {"neighbours": 8, "cluster_neighbours": 8, "dimensions": 4, "sweep_steps": 0}


def test_every_outlier_reason_is_known():
    assert set(REASON_WORDS.values()) == set(stored.OUTLIER_REASONS)


def test_every_reason_to_keep_a_weak_label_is_known():
    assert set(KEPT_WORDS.values()) == set(stored.KEPT_REASONS)


def test_every_witness_is_known():
    world = blobs(400, aus=1)
    run = weakly_supervised_clustering(
        world.features, world.weak, scores=world.scores, reference=world.reference, settings=WSCSettings(**SMALL)
    )
    assert set(run.summary["per_au"][0]["witnesses"]) == set(stored.WITNESSES)


def known(text: str) -> bool:
    return text in stored.SENTENCES or any(pattern.fullmatch(text) for pattern, _told in stored.PATTERNS)


def test_warnings_about_settings_are_known():
    _settings, warnings = settings_fit(WSCSettings(neighbours=30), 8)
    assert warnings
    assert all(known(one) for one in warnings)
    assert [stored.stored_words(one) for one in warnings] == warnings


@pytest.mark.filterwarnings("ignore::clustering.algorithms.embedding.EmbeddingWarning")
def test_warnings_of_a_run_are_known_and_one_au_is_not_called_several():
    world = blobs(60, aus=3)
    weak, reference = world.weak.copy(), world.reference.copy()
    weak[:, 2], reference[:, 1:] = -1, -1
    settings = WSCSettings(**SMALL, solver="sgd", lam=30.0)
    run = weakly_supervised_clustering(world.features, weak, reference=reference, settings=settings)
    assert len(run.warnings) == 3
    assert all(known(one) for one in run.warnings)
    told = [stored.stored_words(one) for one in run.warnings]
    assert told[0] == "3 AUs have fewer than 200 trusted codes: their proposals come from a vote without any."
    assert told[1] == "1 AU has neither weak labels nor scores, so no proposals."


def test_a_known_sentence_is_told_by_its_translation(monkeypatch):
    monkeypatch.setitem(stored.SENTENCES, "much darker than most", _("Yes"))
    assert stored.stored_words("much darker than most") == "Yes"
    assert stored.stored_words("something of an older release") == "something of an older release"

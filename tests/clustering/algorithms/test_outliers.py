"""The outlier ranking."""

import numpy as np

from clustering.algorithms.outliers import OutlierReason, OutlierSignals, outlier_rank, outlier_reasons_told


def signals(n: int = 500, **changes: np.ndarray) -> OutlierSignals:
    rng = np.random.default_rng(0)
    values = {
        "kth_distance": rng.lognormal(0, 0.1, n),
        "mutual_share": rng.uniform(0.3, 0.6, n),
        "alone_share": np.zeros(n),
        "disagreement": rng.normal(size=n),
        "sharpness": rng.lognormal(0, 0.2, n),
        "brightness": rng.uniform(0.3, 0.7, n),
    }
    return OutlierSignals(**{k: v.astype(np.float32) for k, v in (values | changes).items()})


def test_planted_faces_rank_first_each_with_its_reason() -> None:
    plain = signals()
    plain.kth_distance[3] = 5.0
    plain.sharpness[5] = 0.1
    plain.brightness[7] = 0.02
    plain.disagreement[9] = 8.0
    found = outlier_rank(plain)
    assert set(np.argsort(-found.score)[:4].tolist()) == {3, 5, 7, 9}
    wanted = {3: OutlierReason.FAR, 5: OutlierReason.BLURRED, 7: OutlierReason.DARK, 9: OutlierReason.DISAGREEMENT}
    assert all(found.reasons[face] & reason for face, reason in wanted.items())


def test_scores_lie_between_zero_and_one() -> None:
    found = outlier_rank(signals(sharpness=np.full(500, 1e-9)))
    assert 0 <= found.score.min() <= found.score.max() <= 1


def test_without_pictures_and_scores_the_graph_alone_ranks() -> None:
    plain = signals()
    plain.kth_distance[3] = 5.0
    bare = OutlierSignals(plain.kth_distance, plain.mutual_share, plain.alone_share, None, None, None)
    assert np.argmax(outlier_rank(bare).score) == 3


def test_typical_faces_set_the_measure_where_there_are_enough() -> None:
    plain = signals()
    plain.brightness[250:] = 0.05  # so many dark faces that they look usual among all
    typical = np.arange(500) < 250
    told = outlier_rank(plain, typical).reasons & OutlierReason.DARK
    assert told[250:].all()
    assert not (outlier_rank(plain).reasons[250:] & OutlierReason.DARK).any()


def test_identical_signals_make_no_outlier() -> None:
    flat = np.ones(50, np.float32)
    found = outlier_rank(OutlierSignals(flat, flat, flat * 0, flat, flat, flat))
    assert (found.score == 0).all()
    assert not found.reasons.any()


def test_unknown_picture_quality_counts_as_usual() -> None:
    plain = signals()
    plain.sharpness[4] = np.nan
    assert not outlier_rank(plain).reasons[4] & (OutlierReason.BLURRED | OutlierReason.SHARP)


def test_reasons_are_told_in_words() -> None:
    words = outlier_reasons_told(int(OutlierReason.DARK | OutlierReason.FAR))
    assert words == ["unlike any other face here", "much darker than most"]

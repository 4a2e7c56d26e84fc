"""What runs store in English can be told in the reader's language."""

from django.utils.translation import gettext_lazy as _

from annotator import stored_words as stored
from clustering.algorithms.inputs import settings_fit
from clustering.algorithms.outliers import REASON_WORDS
from clustering.algorithms.settings import WSCSettings


def test_every_outlier_reason_is_known():
    assert set(REASON_WORDS.values()) == set(stored.SENTENCES)


def test_warnings_about_settings_are_known():
    _settings, warnings = settings_fit(WSCSettings(neighbours=30), 8)
    assert warnings
    assert all(any(pattern.fullmatch(one) for pattern, _told in stored.PATTERNS) for one in warnings)
    assert [stored.stored_words(one) for one in warnings] == warnings


def test_a_known_sentence_is_told_by_its_translation(monkeypatch):
    monkeypatch.setitem(stored.SENTENCES, "much darker than most", _("Yes"))
    assert stored.stored_words("much darker than most") == "Yes"
    assert stored.stored_words("something of an older release") == "something of an older release"

"""The parts of a hybrid side by side."""

from trainer.selectors.detector_parts import parts_shown


def mean(f1: float):
    rule = {"f1": {"value": f1, "low": f1 - 0.1, "high": f1 + 0.1}, "f1_folds": f1 - 0.01}
    return {"auc": {"value": 0.9, "low": None, "high": None}, "rules": {"validation": rule, "fixed": None}}


def test_a_detector_of_one_part_has_no_section():
    assert parts_shown({"cross_validation": {"mean": mean(0.5)}}) == []
    assert parts_shown({}) == []


def test_the_parts_stand_beside_both():
    report = {
        "parts": {
            "cnn": {"mean": mean(0.5), "events": {"f1_half": 0.4, "area": 0.3}},
            "lstm": {"mean": mean(0.6), "events": None},
        },
        "cross_validation": {"mean": mean(0.7), "events": {"mean": {"f1_half": 0.8, "area": 0.5}}},
    }
    cnn, lstm, both = parts_shown(report)
    assert [part.f1.value for part in (cnn, lstm, both)] == [0.5, 0.6, 0.7]
    assert (cnn.f1_event, lstm.f1_event, both.f1_event, both.area) == (0.4, None, 0.8, 0.5)
    assert both.title == "Both, fused" and both.f1_folds == 0.69

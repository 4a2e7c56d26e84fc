"""manage.py train, predict and see: one JSON line, settings named in refusals, a look before the start."""

import io
import json
import uuid

import pytest
from django.core.management import CommandError, call_command

from annotator.choices import JobState, LayerKind
from annotator.models import Detector, DetectorSight, FeatureSet, Job
from annotator.services.decisions import decision_make
from tests.annotator.importing import quiet_heart
from tests.factories import detector_make, faces_make, layer_make
from tests.trainer.services.world import QUICK, world_make
from trainer.algorithms.maximisation import MaximisationConfig
from trainer.services import sights, training_running
from trainer.services.training import training_create

__all__ = ["quiet_heart"]

QUICKLY = [f"{path}={value}" for path, value in QUICK.items()]


def command(name, *arguments):
    out = io.StringIO()
    call_command(name, *map(str, arguments), "--json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue().splitlines()[-1])


def refused(name, *arguments):
    with pytest.raises(CommandError) as error:
        call_command(name, *map(str, arguments), stdout=io.StringIO(), stderr=io.StringIO())
    return str(error.value)


@pytest.fixture
def coded(dataset):
    faces = faces_make(dataset, 12)
    layer_make(dataset, LayerKind.REFERENCE, faces[:10], [[1], [0]] * 5, [12])
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 12, [12])
    return dataset


def test_train_and_predict_one_after_the_other(dataset, cast):
    world_make(dataset)
    made = command("train", "Smiles", "--method", "alexnet", "--set", *QUICKLY, "--name", "Mouths")
    detector = Detector.objects.get(pk=made["detector"])
    assert (made["dataset"], made["faces"], detector.name) == (dataset.pk, 32, "Mouths")
    assert made["mean_f1"] == detector.report["cross_validation"]["mean"]["rules"]["validation"]["f1"]["value"]
    assert made["test_mean_f1"] is not None and Job.objects.get(pk=made["job"]).state == JobState.DONE
    told = command("predict", dataset.pk, "--detector", detector.pk)
    layer = dataset.layers.get(kind=LayerKind.PREDICTION)
    assert told == {
        "dataset": dataset.pk,
        "job": told["job"],
        "detector": detector.pk,
        "layer": layer.pk,
        "feature_set": FeatureSet.objects.get().pk,
        "faces": 46,
    }


def test_a_detectors_own_settings_train_its_like_and_set_goes_over_them(coded, cast, tmp_path):
    path = tmp_path / "settings.json"
    detector = detector_make(coded, method="adversarial", aus=(12,))
    path.write_text(json.dumps(detector.configuration))
    command("train", "Smiles", "--config", path, "--set", "training.epochs=3", "adversarial.alpha=0", "--queue")
    settings = Job.objects.get().params["settings"]
    assert settings["method"] == "adversarial" and settings["training"]["epochs"] == 3
    assert settings["adversarial"] == detector.configuration["adversarial"] | {"alpha": 0.0}


def test_sources_are_chosen_and_the_job_waits_for_a_worker(coded, cast):
    told = command("train", "Smiles", "--method", "alexnet", "--weak", "--proposals", "--queue")
    job = Job.objects.get(pk=told["job"])
    assert job.state == JobState.QUEUED and told["detector"] is None
    assert job.params["sources"] == {"proposals": True, "weak": True}


def test_the_papers_settings_are_a_preset_and_a_file_keeps_its_own(coded, cast, tmp_path):
    command("train", "Smiles", "--method", "resnet", "--preset", "paper", "--set", "training.epochs=3", "--queue")
    first = Job.objects.get().params["settings"]
    assert (first["preset"], first["network"]["name"], first["training"]["epochs"]) == ("paper", "resnet50", 3)
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(first))
    told = command("train", "Smiles", "--config", path, "--set", "training.epochs=4", "--queue")
    again = Job.objects.get(pk=told["job"]).params["settings"]
    assert again == first | {"training": first["training"] | {"epochs": 4}}
    assert "of the preset paper, and --preset says quick" in refused(
        "train", "Smiles", "--config", path, "--preset", "quick"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Name a method"),
        (["--method", "alexnet", "--preset", "slow"], "invalid choice: 'slow'"),
        (["--method", "magic"], "no method 'magic'"),
        (["--method", "alexnet", "--set", "epochs"], "write it as SETTING=VALUE"),
        (["--method", "alexnet", "--set", "training.epoch=3"], "'training.epoch'"),
        (["--method", "alexnet", "--set", "training.epochs=x"], "training.epochs: "),
        (["--method", "alexnet", "--set", "adversarial.alpha=1"], "'adversarial.alpha'"),
        (["--method", "alexnet", "--check", "--set", "folds=1"], "folds: folds 1, at least 2"),
        (["--config", "nowhere.json"], "can't be read as JSON"),
        (["--resume", "9"], "no training with the job number 9"),
        (["--resume", "9" * 30], "no training with the job number 999"),
        (["--method", "alexnet", "--set", "training.batch=inf"], "training.batch: "),
        (["--resume", "9", "--weak"], "keeps its settings"),
    ],
)
def test_what_cannot_be_is_said(coded, cast, arguments, says):
    assert says in refused("train", "Smiles", *arguments)
    assert not Job.objects.exists()


def test_a_config_of_another_method_or_kind_is_refused(coded, cast, tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"method": "resnet"}')
    assert "resnet, and --method says alexnet" in refused("train", "Smiles", "--method", "alexnet", "--config", path)
    path.write_text("[1]")
    assert "holds no settings" in refused("train", "Smiles", "--config", path)


@pytest.mark.parametrize(
    ("junk", "says"),
    [
        (b"\xff\xfe\x00", "can't be read as JSON"),
        (b"", "can't be read as JSON"),
        (b"[" * 100_000, "can't be read as JSON"),
        (b'{"method": ["alexnet"]}', "no method ['alexnet']"),
        (b'{"method": {"alexnet": 1}}', "Name a method"),
        (b'{"method": "alexnet", "preset": ["paper"]}', "no preset ['paper']"),
        (b'{"method": "alexnet", "training": 5}', "'training' is a group of settings"),
        (b'{"method": "alexnet", "training": {"batch": NaN}}', "training.batch: "),
        (b'{"method": "alexnet", "pretrained": ["a"]}', "pretrained: ['a'] is no text"),
        (b'{"method": "alexnet", "": 1}', "no setting ''"),
    ],
)
def test_a_config_of_junk_is_refused_in_words(coded, cast, tmp_path, junk, says):
    path = tmp_path / "settings.json"
    path.write_bytes(junk)
    assert says in refused("train", "Smiles", "--config", path)
    assert not Job.objects.exists()


def test_check_tells_and_starts_nothing(coded, cast):
    told = command("train", "Smiles", "--check", "--set", "folds=2")
    assert told["ready"] and (told["faces"], told["left_out"]) == (10, {"weak": 2})
    assert [one["present"] for one in told["aus"] if one["au"] == 12] == [5]
    assert any("AU1, AU4, AU25 have no code" in problem["text"] for problem in told["problems"])
    assert command("train", "Smiles", "--check", "--weak")["faces"] == 12
    assert not Job.objects.exists()


def test_check_speaks_in_lines_too(coded, cast):
    out = io.StringIO()
    call_command("train", "Smiles", "--check", stdout=out)
    lines = out.getvalue().splitlines()
    assert "AU12: 5 present, 5 absent" in lines and "faces: 10" in lines
    assert "left out, have weak labels only, and those are not chosen: 2" in lines


def test_check_tells_of_single_codes_left_out(coded, cast):
    faces = list(coded.faces.order_by("position"))
    for user, code, kind in ((cast.bob, "present", "relabel"), (cast.cleo, "absent", "relabel")):
        decided(coded, user, faces[0], kind=kind, code=code)
    decided(coded, cast.bob, faces[1], kind="unscorable")
    out = io.StringIO()
    call_command("train", "Smiles", "--check", stdout=out)
    assert "left out of AU12: 1 unscorable, 1 disputed between coders" in out.getvalue().splitlines()
    [told] = [one for one in command("train", "Smiles", "--check")["aus"] if one["au"] == 12]
    assert (told["unscorable"], told["disagreed"]) == (1, 1)


def decided(dataset, user, face, **more):
    decision_make(
        dataset=dataset, user=user, faces=[face.position], aus=[12], mode="assisted", scope="face",
        client_id=uuid.uuid4(), **more,
    )  # fmt: skip


def test_a_training_that_broke_off_is_resumed(dataset, cast, monkeypatch):
    world_make(dataset)
    job, _new = training_create(dataset=dataset, user=cast.alice, method="alexnet", settings=QUICK, sources={})

    def breaks(*given, **more):
        raise OSError("the plug was pulled")

    with monkeypatch.context() as patched:
        patched.setattr(training_running, "report_make", breaks)
        assert "the plug was pulled" in refused("train", "Smiles", "--method", "alexnet", "--set", *QUICKLY)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    told = command("train", "Smiles", "--resume", job.pk)
    assert told["job"] == job.pk and told["detector"] == Detector.objects.get().pk
    assert command("train", "Smiles", "--resume", job.pk) == told


def test_predict_knows_only_the_data_sets_own_detectors(coded, cast):
    assert "no detector 99" in refused("predict", "Smiles", "--detector", 99)
    detector = detector_make(coded, aus=(12,))
    told = command("predict", "Smiles", "--detector", detector.pk, "--queue")
    assert told["layer"] is None and Job.objects.get(pk=told["job"]).kind == "prediction"


def test_see_makes_what_the_detector_sees(dataset, cast, own_data, monkeypatch):
    monkeypatch.setattr(sights, "MaximisationConfig", lambda seed: MaximisationConfig(steps=2, seed=seed))
    world_make(dataset)
    settings = [part for one in QUICKLY for part in ("--set", one)]
    trained = command("train", dataset.pk, "--method", "alexnet", *settings)
    told = command("see", dataset.pk, "--detector", trained["detector"], "--seed", 4)
    sight = DetectorSight.objects.get(pk=told["sight"])
    assert sight.seed == 4 and told["projection"] == sight.projection_id
    assert "no detector 99" in refused("see", dataset.pk, "--detector", 99)

"""The command: files where they were asked for, one JSON line, and refusals in one sentence."""

import hashlib
import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from annotator.choices import JobState, LayerKind
from annotator.models import AuditEntry, Export, Job
from tests.factories import faces_make, layer_make


def export_labels(*arguments):
    out = io.StringIO()
    call_command("export_labels", *map(str, arguments), "--json", stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def test_writes_table_and_dictionary(cast, dataset, tmp_path):
    faces = faces_make(dataset, 3)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [0], [-1]], [12])
    out = tmp_path / "labels.csv"
    result = export_labels("Smiles", "--out", out)
    assert result["dataset"] == dataset.pk and result["rows"] == 3 and result["codes"] == 2
    assert result["by_source"]["weak"] == 2
    assert result["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert result["out"] == str(out) and result["dictionary"] == str(tmp_path / "labels.dictionary.csv")
    assert (tmp_path / "labels.dictionary.csv").read_text().startswith("column,meaning,values\n")
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["labels.csv", "labels.dictionary.csv"]
    assert not list(tmp_path.glob(".labels*"))


def test_takes_id_shape_and_proposals(cast, dataset, tmp_path):
    faces_make(dataset, 1)
    result = export_labels(
        dataset.pk, "--out", tmp_path / "long.csv", "--shape", "long", "--accept-proposals", "--user", "ana"
    )
    export = Export.objects.get(pk=result["export"])
    assert (export.shape, export.accept_proposals, export.created_by) == ("long", True, cast.ana)
    assert AuditEntry.objects.filter(action="export downloaded", user=cast.ana).exists()


def test_a_command_that_was_killed_is_taken_up_by_the_next(cast, dataset, tmp_path):
    faces_make(dataset, 1)
    out = tmp_path / "labels.csv"
    first = export_labels("Smiles", "--out", out)
    long_ago = timezone.now() - timedelta(hours=1)
    lost = Job.objects.filter(exports=first["export"])
    lost.update(state=JobState.RUNNING, claim="gone", lease_until=long_ago, attempts=1)
    Export.objects.update(file_name="", dictionary_name="")
    assert export_labels("Smiles", "--out", out)["export"] == first["export"]
    assert lost.get().state == JobState.DONE


def test_an_older_file_is_replaced(cast, dataset, tmp_path):
    faces_make(dataset, 1)
    out = tmp_path / "labels.csv"
    out.write_text("old")
    export_labels("Smiles", "--out", out)
    assert out.read_text().startswith("image,")


@pytest.mark.parametrize(
    "arguments",
    [
        ("Frowns", "--out", "x.csv"),
        ("Smiles", "--out", "nowhere/x.csv"),
        ("Smiles", "--out", "."),
        ("Smiles", "--out", "x.csv", "--user", "bob"),
        ("Smiles", "--out", "x.csv", "--user", "charlie"),
        ("Smiles", "--out", "x.csv", "--shape", "long", "--preset", "bp4d"),
    ],
)
def test_what_can_not_be_is_refused(cast, dataset, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError):
        call_command("export_labels", *arguments, stdout=io.StringIO())
    assert not list(tmp_path.glob("*.csv"))

"""The command: asks unless told not to, tells what it did in one JSON line, finishes deletions."""

import io
import json

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from annotator.models import Face, Subject, Withdrawal
from tests.factories import faces_make


@pytest.fixture
def faces(dataset, settings, tmp_path):
    settings.DATA = tmp_path
    return faces_make(dataset, 2, pictures=True, subject=Subject.objects.create(dataset=dataset, pseudonym="P17"))


def run(*arguments):
    out = io.StringIO()
    call_command("withdraw_subject", *arguments, "--json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue().splitlines()[-1])


def test_withdraws_and_tells_what_it_did(dataset, faces, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        told = run("Smiles", "--subject", "P17", "--yes")
    receipt = Withdrawal.objects.get()
    assert told["receipt"] == receipt.pk and told["faces"] == 2 and told["detectors_kept"] == []
    assert told["subject_sha256"] == receipt.subject_sha256 and not Face.objects.exists()


def test_asks_for_the_name_again(dataset, faces, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _question: "P18")
    with pytest.raises(CommandError, match="confirm"):
        run("Smiles", "--subject", "P17")
    monkeypatch.setattr("builtins.input", lambda _question: "P17")
    assert run("Smiles", "--subject", "P17")["faces"] == 2


def test_does_nothing_where_nobody_can_answer(dataset, faces, monkeypatch):
    def ended(_question):
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    with pytest.raises(CommandError, match="--yes"):
        run("Smiles", "--subject", "P17")
    assert Face.objects.count() == 2


def test_leftovers_are_deleted_on_demand(dataset, faces):
    assert run("Smiles", "--subject", "P17", "--yes")["files_deleted"] is False
    assert run("Smiles", "--leftovers") == {"dataset": dataset.pk, "left": 0}
    assert not default_storage.exists(faces[0].picture_name)


def test_an_unknown_subject_is_refused(dataset, faces):
    with pytest.raises(CommandError, match="no subject of that pseudonym"):
        run("Smiles", "--subject", "P18", "--yes")

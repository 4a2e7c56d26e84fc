"""Settings that are saved raise the revision and leave a trace."""

from datetime import date

import pytest

from annotator.errors import InputRefused
from annotator.models import AuditEntry
from annotator.services.dataset_settings import au_list_change, dataset_change
from annotator.services.datasets import dataset_create

UNCHANGED = {"name": "Smiles", "description": "", "accept_proposals": False, "retention_until": None}


def test_changed_settings_are_audited_with_the_new_revision(cast, dataset):
    before = dataset.revision
    values = {**UNCHANGED, "accept_proposals": True, "retention_until": date(2030, 1, 31)}
    saved = dataset_change(dataset=dataset, user=cast.alice, **values)
    assert saved.revision == before + 1
    assert AuditEntry.objects.filter(action="settings changed").get().detail == {
        "accept_proposals": True,
        "retention_until": "2030-01-31",
    }


def test_saving_the_same_settings_does_nothing(cast, dataset):
    before = dataset.revision
    assert dataset_change(dataset=dataset, user=cast.alice, **UNCHANGED).revision == before
    assert not AuditEntry.objects.filter(action="settings changed").exists()


@pytest.mark.parametrize("name", [" ", "12", "Taken"])
def test_a_name_that_is_empty_a_number_or_taken_is_refused(cast, dataset, name):
    dataset_create(name="Taken", user=cast.alice)
    with pytest.raises(InputRefused):
        dataset_change(dataset=dataset, user=cast.alice, **{**UNCHANGED, "name": name})


def test_an_au_taken_off_the_list_comes_back_with_its_bit(cast, dataset):
    bit = dataset.coded_aus.get(au=12).bit
    au_list_change(dataset=dataset, user=cast.alice, aus=[1, 4, 25, 6])
    assert dataset.coded_aus.get(au=12).hidden
    au_list_change(dataset=dataset, user=cast.alice, aus=[1, 12])
    shown = dataset.coded_aus.filter(hidden=False)
    assert {coded.au: coded.bit for coded in shown} == {1: dataset.coded_aus.get(au=1).bit, 12: bit}

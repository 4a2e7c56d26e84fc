"""The demo's world: ready for review after one call, the same after a second, and after a broken one."""

import pytest

from annotator.choices import JobState
from annotator.models import Job, Member
from annotator.selectors.review import queue_of
from demo import world
from demo.world import PEOPLE, world_prepare

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def silent(title: str, share: float, message: str) -> None:
    """Nobody watches."""


def test_a_broken_off_preparation_goes_on_and_a_whole_one_is_kept(tmp_path, monkeypatch):
    def interrupted(**options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world, "run_create", interrupted)
        with pytest.raises(KeyboardInterrupt):
            world_prepare(folder=tmp_path, faces=60, echo=silent)
    dataset = world_prepare(folder=tmp_path, faces=60, echo=silent)
    assert dataset.faces.count() == 60
    assert dict(Member.objects.filter(dataset=dataset).values_list("user__username", "role")) == PEOPLE
    bob = Member.objects.get(dataset=dataset, user__username="bob").user
    assert queue_of(dataset, bob).clusters > 0
    assert dataset.projections.count() == 1
    jobs = Job.objects.count()
    assert jobs == Job.objects.filter(state=JobState.DONE).count() == 5
    assert world_prepare(folder=tmp_path, faces=60, echo=silent) == dataset
    assert Job.objects.count() == jobs

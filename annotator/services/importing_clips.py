"""Clips told from rows: their frame rate, where frames came with times."""

from django.db.models import Max, Min

from annotator.models import Clip, ImportBatch

PLAUSIBLE = (0.1, 2_000.0)
"""Frames a second, from time lapse to high-speed cameras."""


def frame_rates_tell(batch: ImportBatch) -> int:
    """Give the clips of this batch that have no frame rate the one that their frames and times agree
    on, and return how many got one. Clips without times, or with times that can't be right, get none."""
    if not (batch.mapping.get("frame") and batch.mapping.get("time")):
        return 0
    spans = (
        Clip.objects.filter(dataset=batch.dataset, frame_rate=None, faces__time_s__isnull=False)
        .filter(faces__frame__isnull=False)
        .annotate(
            frames=Max("faces__frame") - Min("faces__frame"),
            seconds=Max("faces__time_s") - Min("faces__time_s"),
        )
    )
    told = []
    for clip in spans.iterator(chunk_size=2_000):
        rate = clip.frames / clip.seconds if clip.seconds else 0.0
        if PLAUSIBLE[0] <= rate <= PLAUSIBLE[1]:
            clip.frame_rate = round(rate, 3)
            told.append(clip)
    Clip.objects.bulk_update(told, ["frame_rate"], batch_size=500)
    return len(told)

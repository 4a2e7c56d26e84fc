"""The events of an export: those in the layers that its user may see, clip by clip."""

from collections.abc import Iterator

from annotator.formats.events import EventRow
from annotator.models import Event
from annotator.selectors.export_plan import ExportPlan
from annotator.selectors.grades import LEVELS

CHUNK = 2_000


def events_read(plan: ExportPlan) -> Iterator[EventRow]:
    """Every event of the plan's layers and AUs, in the order of clips, AUs and onsets."""
    layers = {layer.pk: layer for layer in plan.layers}
    events = Event.objects.filter(layer_id__in=list(layers), au__in=[coded.au for coded in plan.aus])
    events = events.select_related("clip__subject").order_by("clip_id", "au", "onset", "layer_id", "pk")
    for event in events.iterator(chunk_size=CHUNK):
        layer = layers[event.layer_id]
        yield EventRow(
            subject=event.clip.subject.pseudonym if event.clip.subject else "",
            clip=event.clip.name,
            frame_rate=event.clip.frame_rate,
            au=event.au,
            onset=event.onset,
            apex=event.apex,
            offset=event.offset,
            intensity=LEVELS.get(event.intensity or 0, ""),
            side=event.side,
            source=layer.kind,
            coder=layer.user.username if layer.user else "",
        )

"""Finding the faces that the rows of a later label file mean, by the names of their images."""

from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.formats.cells import cell_quote
from annotator.models import DataSet, Face
from annotator.pictures.endings import cell_parts, part_plain

CHUNK = 2_000


class FaceFinder:
    """Faces of a data set by image name: the very name, else the longest path ending that only one has.

    Letter case counts. The index of endings is made when the first name isn't found as it stands; for
    a million faces it holds two arrays of a few dozen megabytes and no name.
    """

    def __init__(self, dataset: DataSet) -> None:
        self.dataset = dataset
        self._index: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def find(self, images: Sequence[str]) -> dict[str, Face | str]:
        """For each image name its face, or in plain words why there is none."""
        found: dict[str, Face | str] = {}
        for start in range(0, len(images), CHUNK):
            part = images[start : start + CHUNK]
            found |= {face.image: face for face in self._faces().filter(image__in=part)}
        rest = {image: self._ending_find(image) for image in images if image not in found}
        by_id = {
            face.pk: face for face in self._faces().filter(pk__in=[pk for pk in rest.values() if isinstance(pk, int)])
        }
        for image, match in rest.items():
            found[image] = match if isinstance(match, str) else by_id.get(match, _missing(image))
        return found

    def _faces(self) -> QuerySet[Face]:
        return Face.objects.filter(dataset=self.dataset).only("id", "image", "role", "position", "dataset_id")

    def _ending_find(self, image: str) -> int | str:
        """The id of the one face whose image ends as this does, or why there is none."""
        if self._index is None:
            self._index = self._index_make()
        hashes, ids = self._index
        parts = _parts(image)
        for start, ending in enumerate(_endings(parts)):
            low, high = (int(np.searchsorted(hashes, hash(ending), side)) for side in ("left", "right"))
            if high - low == 1:
                return int(ids[low])
            if high > low:
                return _several(image, parts[:start], ending, high - low)
        return _missing(image)

    def _index_make(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(hashes of all endings of all image names, sorted, and the ids of their faces)."""
        hashes, ids = array("q"), array("q")
        for pk, image in self._faces().values_list("pk", "image").iterator(chunk_size=CHUNK):
            for ending in _endings(_parts(image)):
                hashes.append(hash(ending))
                ids.append(pk)
        values, owners = np.array(hashes, dtype=np.int64), np.array(ids, dtype=np.int64)
        order = np.argsort(values, kind="stable")
        return values[order], owners[order]


def _parts(image: str) -> list[str]:
    return [part_plain(part) for part in cell_parts(image)]


def _endings(parts: Sequence[str]) -> Iterator[str]:
    """The path's endings, longest first."""
    for start in range(len(parts)):
        yield "/".join(parts[start:])


def _several(image: str, above: Sequence[str], ending: str, count: int) -> str:
    """Why an image means none of the faces that share its longest ending: what it names `above` that ending
    lies nowhere, or it names nothing there and says too little."""
    if above:
        return _("there is no %(ending)s in a folder %(folder)s: %(count)d faces elsewhere are named so") % {
            "ending": cell_quote(ending, 80),
            "folder": cell_quote(above[-1], 80),
            "count": count,
        }
    return _("%(image)s fits %(count)d faces equally well: give more of the path") % {
        "image": cell_quote(image, 80),
        "count": count,
    }


def _missing(image: str) -> str:
    return _("there is no face %(image)s in this data set") % {"image": cell_quote(image, 80)}

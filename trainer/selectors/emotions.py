"""The emotion of each face, for trainings that learn from emotions first: the imported column's, else inferred."""

import numpy as np

from annotator.choices import FaceRole, LayerKind
from annotator.models import DataSet, Face, LabelLayer
from annotator.selectors.codes import coded_aus, layer_codes
from trainer.algorithms.emotions import Emotions, emotions_infer, emotions_read
from trainer.algorithms.settings import COLUMN, INFERRED
from trainer.selectors.training_codes import FaceTable


def emotions_of(dataset: DataSet, faces: FaceTable) -> Emotions:
    """Test faces have none. Without a column of at least two emotions they are inferred from the weak codes, of
    which the layer that came first counts first. Those may not judge the detector then
    (`services.pretrained.emotions_refuse`)."""
    told = dict(Face.objects.filter(dataset=dataset).exclude(emotion="").values_list("position", "emotion"))
    column = ["" if test else told.get(position, "") for position, test in _rows(faces)]
    read = emotions_read(column)
    if len(read.names) >= 2:
        return read
    aus = coded_aus(dataset)
    codes = np.full((len(faces.ids), len(aus)), -1, np.int8)
    for layer in LabelLayer.objects.filter(dataset=dataset, kind=LayerKind.WEAK).order_by("pk"):
        found = layer_codes(layer, faces.ids).codes([coded.bit for coded in aus])
        codes = np.where((codes < 0) & (found >= 0), found, codes)
    codes[faces.is_test] = -1
    return emotions_infer(codes, [coded.au for coded in aus])


def emotions_source(dataset: DataSet) -> str:
    """Where the emotions would be from now, as `Emotions` tells it."""
    open_ = Face.objects.filter(dataset=dataset).exclude(role=FaceRole.TEST).exclude(emotion="")
    return COLUMN if len(emotions_read(list(open_.values_list("emotion", flat=True))).names) >= 2 else INFERRED


def _rows(faces: FaceTable) -> list[tuple[int, bool]]:
    return list(zip(faces.positions.tolist(), faces.is_test.tolist(), strict=True))

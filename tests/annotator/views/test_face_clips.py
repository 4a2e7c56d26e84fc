"""The face page on real clips, imported as a lab would: codes with clip and frame, then intensities."""

import csv
import zipfile

from django.core.management import call_command
from django.urls import reverse

from annotator.choices import Role
from annotator.models import DataSet, Event, Face, Member
from tests.annotator.importing import quiet_heart  # noqa: F401  (a fixture)

KEPT = range(1, 41)
MISSING = range(21, 25)
"""Of one clip the first frames, four of which are left out."""


def tables_cut(ictau, folder):
    """The rows of the kept frames in the clips' tables, and their pictures in one folder."""
    images = [f"clips/S002/C1/{frame:04d}.jpg" for frame in KEPT if frame not in MISSING]
    for name in ("clips", "clips_intensity"):
        with (ictau / f"{name}.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["image"] in images]
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    with zipfile.ZipFile(ictau / "clips" / "clips-00.zip") as archive:
        for image in images:
            archive.extract(image, folder)
    return images


def test_a_clip_with_intensities_is_stepped_through_and_marked(ictau, cast, tmp_path):
    images = tables_cut(ictau, tmp_path)
    call_command("import_dataset", "Clips", images=[tmp_path / "clips"], labels=tmp_path / "clips.csv", json=True)
    call_command("import_labels", "Clips", labels=tmp_path / "clips_intensity.csv", layer="reference", json=True)
    dataset = DataSet.objects.get(name="Clips")
    Member.objects.create(dataset=dataset, user=cast.bob, role=Role.CODER)
    graded = next(label for label in dataset.layers.get(kind="reference").labels.all() if label.present)
    assert graded.intensities is not None

    client = cast.client("bob")
    face = Face.objects.get(image=images[10])
    page = client.get(reverse("face_detail", args=[dataset.pk, face.position]))
    strip = page.context["strip"]
    assert [frame.face.frame for frame in strip.frames] == [frame for frame in KEPT if frame not in MISSING]
    assert [frame.missing for frame in strip.frames if frame.missing] == [len(MISSING)]
    shown = client.get(reverse("face_detail", args=[dataset.pk, graded.face.position])).context["page"]
    assert any(cell.grade in "ABCDE" and cell.grade for row in shown.rows for cell in row.cells)

    values = {"action": "onset:12", "client_id": "6e0be7e4-9b5e-4f1c-8f2e-0a4f8b1f2a11", "mode": "assisted"}
    assert client.post(reverse("face_decide", args=[dataset.pk, face.position]), values).status_code == 302
    assert Event.objects.get().onset == face.frame

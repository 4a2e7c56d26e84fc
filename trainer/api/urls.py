"""Addresses of detectors in the REST API."""

from django.urls import path

from trainer.api import detectors, sights

DETECTORS = "datasets/<int:dataset_id>/detectors/"

urlpatterns = [
    path(DETECTORS, detectors.detectors, name="api_detectors"),
    path(f"{DETECTORS}<int:detector_id>/", detectors.detector_detail, name="api_detector_detail"),
    path(f"{DETECTORS}<int:detector_id>/promote/", detectors.detector_promote, name="api_detector_promote"),
    path(f"{DETECTORS}<int:detector_id>/predict/", detectors.detector_predict, name="api_detector_predict"),
    path(f"{DETECTORS}<int:detector_id>/sight/", sights.detector_sight, name="api_detector_sight"),
    path(
        f"{DETECTORS}<int:detector_id>/attributions/<int:position>/",
        sights.face_attribution,
        name="api_face_attribution",
    ),
]

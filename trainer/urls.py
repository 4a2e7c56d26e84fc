"""Addresses of detectors and features."""

from django.urls import path

from trainer.views import detectors, features, scores, sights, trainings

DETECTORS = "datasets/<int:dataset_id>/detectors/"
DETECTOR = f"{DETECTORS}<int:detector_id>/"

urlpatterns = [
    path("datasets/<int:dataset_id>/features/new/", features.features_create_view, name="features_create"),
    # trainings
    path(DETECTORS, trainings.detector_list, name="detector_list"),
    path(f"{DETECTORS}new/", trainings.detector_create, name="detector_create"),
    path(f"{DETECTORS}trainings/<int:job_id>/", trainings.training_detail, name="training_detail"),
    # reports
    path(f"{DETECTORS}compare/", detectors.detector_compare, name="detector_compare"),
    path(DETECTOR, detectors.detector_detail, name="detector_detail"),
    path(f"{DETECTOR}promote/", detectors.detector_promote_view, name="detector_promote"),
    path(f"{DETECTOR}predict/", detectors.detector_predict_view, name="detector_predict"),
    path(f"{DETECTOR}card/", detectors.detector_card, name="detector_card"),
    path(f"{DETECTOR}weights/", detectors.detector_weights, name="detector_weights"),
    # what it sees
    path(f"{DETECTOR}sight/", sights.detector_see, name="detector_see"),
    path(f"{DETECTOR}sight/<int:au>/", sights.detector_sight_picture, name="detector_sight_picture"),
    path(f"{DETECTOR}attributions/", sights.detector_attribute, name="detector_attribute"),
    path(
        f"{DETECTOR}attributions/<int:position>/<int:au>/",
        sights.face_attribution_picture,
        name="face_attribution_picture",
    ),
    # scores
    path(f"{DETECTOR}scores/", scores.score_distribution, name="score_distribution"),
    path(f"{DETECTOR}scores/faces/", scores.score_faces, name="score_faces"),
]

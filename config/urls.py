"""Every address, by app. `tests/architecture/test_matrix.py` fails for one without a rule."""

from django.urls import include, path

urlpatterns = [
    path("", include("annotator.urls")),
    path("", include("clustering.urls")),
    path("", include("trainer.urls")),
    path("api/v1/", include("annotator.api.urls")),
    path("api/v1/", include("trainer.api.urls")),
]

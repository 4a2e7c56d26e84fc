"""Addresses of detectors and features."""

from django.urls import path

from trainer.views import features

urlpatterns = [
    path("datasets/<int:dataset_id>/features/new/", features.features_create_view, name="features_create"),
]

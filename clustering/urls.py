"""Addresses of clustering runs."""

from django.urls import path

from clustering.views import maps, runs

urlpatterns = [
    path("datasets/<int:dataset_id>/runs/", runs.run_list, name="run_list"),
    path("datasets/<int:dataset_id>/runs/new/", runs.run_create_view, name="run_create"),
    path("datasets/<int:dataset_id>/runs/compare/", runs.run_compare, name="run_compare"),
    path("datasets/<int:dataset_id>/runs/<int:run_id>/", runs.run_detail, name="run_detail"),
    path("datasets/<int:dataset_id>/runs/<int:run_id>/changes/", runs.run_changes, name="run_changes"),
    path("datasets/<int:dataset_id>/runs/<int:run_id>/adopt/", runs.run_adopt_view, name="run_adopt"),
    path("datasets/<int:dataset_id>/map/new/", maps.map_create, name="map_create"),
]

"""Addresses of the shared core."""

from django.urls.resolvers import URLPattern

urlpatterns: list[URLPattern] = []

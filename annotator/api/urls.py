"""Addresses of the REST API."""

from django.urls.resolvers import URLPattern

urlpatterns: list[URLPattern] = []

"""Addresses of trainer."""

from django.urls.resolvers import URLPattern

urlpatterns: list[URLPattern] = []

"""A believable world to try Corrugator on: drawn faces, a weak detector, accounts."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "demo"

#!/usr/bin/env python
"""Corrugator's command line: `manage.py serve`, `manage.py cluster` and their siblings."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

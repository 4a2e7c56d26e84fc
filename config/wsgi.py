"""The WSGI entry point that gunicorn serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# What is loaded by now stays for good. A page with thousands of faces makes enough objects to have Python look
# through all of that for garbage several times: a quarter of the page's time.
get_resolver().url_patterns  # noqa: B018 (loads every page's code)
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)

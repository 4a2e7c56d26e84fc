"""Detectors and face features in torch: no Django, no settings, no models; usable from a notebook."""

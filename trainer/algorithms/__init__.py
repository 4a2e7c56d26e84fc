"""Detectors and face features in torch: no Django, no settings, no models; usable from a notebook."""

import os

# OpenMP's threads spin while they wait, and on a busy machine that takes most of the processor; read once, when
# torch is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

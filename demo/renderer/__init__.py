"""A parametric painter of portraits whose faces move by facial action units.

A face is a height field of soft bumps in head coordinates, lit like skin, with eyes, brows, mouth and
hair laid over it; action units displace its landmarks and cut its furrows. numpy and Pillow only.
"""

from .render import face_render
from .spec import AUS, PRESENT_FROM, FaceSpec, identity_draw, scene_draw

__all__ = ["AUS", "PRESENT_FROM", "FaceSpec", "face_render", "identity_draw", "scene_draw"]

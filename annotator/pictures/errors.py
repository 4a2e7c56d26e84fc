"""What can be wrong with pictures: with one of them, or with the place they come from."""

from __future__ import annotations


class SourceRefused(ValueError):
    """A whole folder or archive cannot be used; the message says why."""


class PictureProblem(ValueError):
    """One picture cannot be used; the message says why, the others are not affected."""


class PictureMissing(PictureProblem):
    """No picture has the name that a row gives."""


class PictureAmbiguous(PictureProblem):
    """Several pictures fit the name that a row gives equally well."""

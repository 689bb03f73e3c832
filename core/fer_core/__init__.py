"""Facial-affect analysis without a window: media, faces, inference, records, and the training behind the weights."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fer-studio")
except PackageNotFoundError:  # a bare source tree on the path
    __version__ = "0+unknown"

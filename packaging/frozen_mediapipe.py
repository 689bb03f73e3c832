"""Runtime hook of the frozen program: ``import mediapipe`` without its ready-made solutions and tasks.

MediaPipe's own ``__init__`` imports all of them, and with them matplotlib, jax and sounddevice. fer_core runs a graph
of its own, for which the bindings and the message imported here are enough.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class _BareLoader(Loader):
    def exec_module(self, module: ModuleType) -> None:
        # Being imported makes the message known that our graph hands over.
        import mediapipe.framework.formats.detection_pb2  # noqa: F401


class _BareFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "mediapipe":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            spec.loader = _BareLoader()
        return spec


sys.meta_path.insert(0, _BareFinder())

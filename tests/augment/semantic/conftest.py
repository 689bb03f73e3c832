from importlib import util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def toys() -> ModuleType:
    """The module ``toys`` beside this file."""
    pytest.importorskip("timm", reason="training needs the extra 'train'")
    spec = util.spec_from_file_location("semantic_toys", Path(__file__).with_name("toys.py"))
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

import av
import numpy as np
import pytest

from fer_core.assets import asset_path


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """First picture of the shipped clip, (360, 640, 3): one frontal face about 150 px wide."""
    with av.open(str(asset_path("demo", "demo.mp4"))) as container:
        image = next(container.decode(video=0)).to_ndarray(format="rgb24")
    image.setflags(write=False)
    return image

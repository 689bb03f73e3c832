"""The live workspace: camera, analysis, recording, and what is shown of them."""

"""How ONNX Runtime is set up for every network of the program."""

from __future__ import annotations

import onnxruntime


def session_options(threads: int = 1) -> onnxruntime.SessionOptions:
    """For sessions that run beside other threads at work: a pool that spins while it waits would slow them."""
    # Windows builds hand events to the operating system; no build of the pinned range sends anything itself.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options

"""The workspace Synthesis: a photographed face is given another apparent affect."""

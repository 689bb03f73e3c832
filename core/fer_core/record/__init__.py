"""Writing down what was measured."""

"""Measures a model against labelled faces: metrics, confidence intervals, reports. Needs no torch."""

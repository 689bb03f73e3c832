"""Threads of the window, each with one owner, a cooperative stop and a wait."""

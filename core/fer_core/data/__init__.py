"""Readers of research data sets, and how their labels become one."""

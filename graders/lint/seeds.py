"""Seeds: with which lint fills in what a lab is made of."""

SEEDS = range(8)
"""Enough to draw every value of most parameters."""

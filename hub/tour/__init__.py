"""The tour: the whole story without a browser, every part real, each step timed."""

from hub.tour.story import run_tour

__all__ = ["run_tour"]

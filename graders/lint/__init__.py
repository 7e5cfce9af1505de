"""Lint: what is wrong with a lab folder, everything at once, without starting a cluster."""

from graders.lint.lint import lint_lab, lint_warnings

__all__ = ["lint_lab", "lint_warnings"]

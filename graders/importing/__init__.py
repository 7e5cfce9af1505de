"""Importing: what others have written, as the folder of a lab."""

from graders.importing.nbgrader import ImportedLab, import_assignment

__all__ = ["ImportedLab", "import_assignment"]

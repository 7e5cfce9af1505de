"""The doctor: what this host can do, and how to get what it lacks."""

from clusters.doctor.diagnosis import Diagnosis, ProviderDiagnosis, diagnose
from clusters.doctor.finding import Finding, Group, State

__all__ = ["Diagnosis", "Finding", "Group", "ProviderDiagnosis", "State", "diagnose"]

"""Docker on this host: what clusters of containers need of it, and the steps that set it up."""

from clusters.doctor.docker.facts import DockerFacts, docker_facts
from clusters.doctor.docker.steps import Step, Told, steps_for

__all__ = ["DockerFacts", "Step", "Told", "docker_facts", "steps_for"]

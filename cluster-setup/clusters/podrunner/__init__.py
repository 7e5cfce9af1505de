"""The pod runner: starts a process of this host for each container of an embedded cluster."""

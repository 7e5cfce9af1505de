"""The images that a node brings along: Kubernetes' own parts, each a program and little else."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clusters.errors import CommandError
from clusters.images.archive import Runs, add_accounts, new_image
from clusters.images.debian.package import read_file
from clusters.images.debian.settle import add_certificates, add_tables
from clusters.images.debian.userland import add_packages
from clusters.images.layer import Layer
from clusters.images.recipe import Ingredients
from clusters.images.store import Image

PAUSE = "docker.io/assay/pause:1"
"""What keeps a Pod's sandbox; the configuration of containerd on nodes names it."""
PAUSE_OF_LABS = "registry.k8s.io/pause:3.10"
"""What labs call the image of a Pod that does nothing, on every provider."""
TOOLS = "docker.io/assay/busybox:1"
"""A container to try things with: busybox, and curl for HTTPS."""
PROGRAMS = (
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
)
"""Binaries that Kubernetes runs in containers."""

_NOBODY = "65535:65535"
_PAUSE_PROGRAM, _SHELL = "usr/bin/catatonit", "usr/bin/busybox"


def control_plane_images(ingredients: Ingredients, kubernetes: str) -> list[Image]:
    """Make the images that kubeadm asks for, under the names it knows, and those of our own.

    Args:
        ingredients: packages and binaries, in the cache.
        kubernetes: version, for example `v1.37.2`.
    """
    names = _names(ingredients.binaries["kubeadm"], kubernetes)
    made = [
        _program(ingredients, reference, program)
        for program, reference in sorted(names.items())
        if program != "kube-proxy"
    ]
    proxy = _proxy(ingredients, names["kube-proxy"])
    pause = _pause(ingredients)
    return [*made, proxy, pause, replace(pause, reference=PAUSE_OF_LABS), _tools(ingredients)]


def _names(kubeadm: Path, kubernetes: str) -> dict[str, str]:
    """Ask kubeadm what its images are called; `pause` is ours and not among them."""
    command = [str(kubeadm), "config", "images", "list", "--kubernetes-version", kubernetes]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    names = {line.rpartition("/")[2].partition(":")[0]: line for line in done.stdout.split()}
    if missing := set(PROGRAMS) - set(names):
        raise CommandError(f"kubeadm names no image of {', '.join(missing)}:\n{done.stderr}")
    return {program: names[program] for program in PROGRAMS}


def _program(ingredients: Ingredients, reference: str, program: str) -> Image:
    binary = ingredients.binaries[program]
    path = f"usr/local/bin/{program}"

    def fill(layer: Layer) -> None:
        add_accounts(layer)
        layer.file(path, binary)

    layer = ingredients.layer(program, [binary], fill)
    return new_image(ingredients.store, reference, [layer], Runs([f"/{path}"]))


def _proxy(ingredients: Ingredients, reference: str) -> Image:
    debs = ingredients.debs("proxy")
    binary = ingredients.binaries["kube-proxy"]

    def userland(layer: Layer) -> None:
        add_packages(layer, debs.values())
        add_accounts(layer)
        add_tables(layer)

    def program(layer: Layer) -> None:
        layer.file("usr/local/bin/kube-proxy", binary)

    layers = [
        ingredients.layer("proxy-userland", list(debs.values()), userland),
        ingredients.layer("kube-proxy", [binary], program),
    ]
    return new_image(ingredients.store, reference, layers, Runs(["/usr/local/bin/kube-proxy"]))


def _pause(ingredients: Ingredients) -> Image:
    debs = ingredients.debs("pause")
    program = read_file(debs["catatonit"], _PAUSE_PROGRAM)[_PAUSE_PROGRAM]

    def fill(layer: Layer) -> None:
        layer.data("pause", program, 0o755)

    layer = ingredients.layer("pause", list(debs.values()), fill)
    return new_image(ingredients.store, PAUSE, [layer], Runs(["/pause", "-P"], user=_NOBODY))


def _tools(ingredients: Ingredients) -> Image:
    debs = ingredients.debs("tools")

    def fill(layer: Layer) -> None:
        add_packages(layer, debs.values())
        add_accounts(layer)
        add_certificates(layer, debs["ca-certificates"])
        for name in _applets(ingredients, debs["busybox-static"]):
            layer.link(f"usr/bin/{name}", "busybox")

    layer = ingredients.layer("tools", list(debs.values()), fill)
    return new_image(ingredients.store, TOOLS, [layer], Runs())


def _applets(ingredients: Ingredients, busybox: Path) -> Sequence[str]:
    with ingredients.store.scratch() as scratch:
        program = scratch / "busybox"
        program.write_bytes(next(iter(read_file(busybox, _SHELL, "bin/busybox").values())))
        program.chmod(0o755)
        done = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    return sorted(set(done.stdout.split()) - {"busybox"})

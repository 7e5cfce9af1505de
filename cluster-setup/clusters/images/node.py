"""The node image: Debian packages, containerd and the kubelet, in three layers.

The lowest layer is the same for every version of Kubernetes, and so is the second, so that two
versions share them on disk, in Docker and in an exported file.
"""

from __future__ import annotations

from collections.abc import Callable

from clusters.binaries import ensure_binaries
from clusters.binaries.lock import lock_with
from clusters.errors import ClusterError, PreflightError
from clusters.images.archive import Runs, new_image, write_archive
from clusters.images.control_plane import PROGRAMS, control_plane_images
from clusters.images.debian.fetch import Packages
from clusters.images.debian.lock import RECIPES, installed_debian_lock
from clusters.images.debian.settle import add_certificates, add_services, settle
from clusters.images.debian.userland import add_packages
from clusters.images.docker import docker_has, docker_lacks, id_in_docker, load_into_docker
from clusters.images.layer import Layer
from clusters.images.recipe import Ingredients, all_packages
from clusters.images.store import Blob, Image, ImageStore
from clusters.phases import OnPhase, Phase, ignore, timed

_RUNTIME = ("containerd", "containerd-shim-runc-v2", "crictl", "ctr")
_PLUGINS = ("host-local", "loopback", "portmap", "ptp")
_NODE = ("kubeadm", "kubectl", "kubelet")
BINARIES = (*PROGRAMS, *_RUNTIME, *_PLUGINS, *_NODE, "runc")
"""The binaries that a node image is made of."""
_SETS = ("node", "proxy", "pause", "tools")

_WANTS = "usr/lib/systemd/system/*.wants"
_LEFT_OUT = (
    # What systemd would start in a container and has nothing to do there.
    *(f"{_WANTS}/{unit}" for unit in ("systemd-tmpfiles-setup*", "*udev*", "*initctl*", "*getty*")),
    f"{_WANTS}/systemd-binfmt*",
    f"{_WANTS}/systemd-sysusers*",
    "usr/lib/systemd/system/multi-user.target.wants/*",
    "usr/lib/systemd/system/timers.target.wants/*",
    "usr/lib/systemd/system/local-fs.target.wants/*",
)
_ENABLED = {
    "containerd.service": "multi-user.target",
    "dbus.service": "multi-user.target",
    "kubelet.service": "multi-user.target",
    "node-cni.service": "multi-user.target",
    "node-images.service": "containerd.service",
}
_MASKED = ("systemd-binfmt.service", "systemd-udevd.service")
_RUNS = Runs(
    ["/usr/local/bin/entrypoint", "/sbin/init"],
    env={"container": "docker"},
    stop_signal="SIGRTMIN+3",
)


def node_image_name(kubernetes: str = "") -> str:
    """Return the reference of our own node image.

    Args:
        kubernetes: for example `1.37` or `v1.37.2`; empty means that of learners' clusters.

    Raises:
        NotFound: this version of Kubernetes is not pinned.
    """
    return f"assay/node:{lock_with(kubernetes).kubernetes}"


def build_node_image(
    kubernetes: str = "", on_phase: OnPhase = ignore, store: ImageStore | None = None
) -> Image:
    """Build the node image of a version of Kubernetes, or find it in the cache.

    Every step is kept under the digest of what went into it, so an interrupted build goes on and
    one whose inputs did not change does nothing.

    Args:
        kubernetes: for example `1.36`; empty means that of learners' clusters.
        on_phase: told about the progress.
        store: where images are; by default this installation's cache.

    Raises:
        NotFound: this version of Kubernetes is not pinned.
        PreflightError: this host lacks something; says how to get it.
        ClusterError: something could not be had, or the disk is full.
    """
    store = store or ImageStore()
    version = lock_with(kubernetes).kubernetes
    wait = Phase("image-wait", "Waiting for another process that builds images", 0)
    try:
        with store.locked(lambda: on_phase(wait)):
            ingredients = _gather(store, version, on_phase)
            image = _assemble(ingredients, version, on_phase)
            store.prune()
            return image
    except OSError as error:
        raise ClusterError(
            f"the node image cannot be put into {store.folder}: {error.strerror or error}; "
            "make room there (2 GiB), or choose another folder with ASSAY_CACHE"
        ) from error


def ensure_node_image(kubernetes: str = "", on_phase: OnPhase = ignore) -> str:
    """Return the reference of our node image once Docker has it, building it where it must be.

    Args:
        kubernetes: for example `1.36`; empty means that of learners' clusters.
        on_phase: told about the progress.

    Raises:
        NotFound: this version of Kubernetes is not pinned.
        PreflightError: this host lacks something (Docker, apt, Go); says how to get it.
        ClusterError: something could not be had, or the disk is full.
    """
    reference = node_image_name(kubernetes)
    store = ImageStore()
    if reason := docker_lacks():
        raise PreflightError(f"{reason}: install and start it, then try again")
    known = store.find(reference)
    if docker_has(known) if known else id_in_docker(reference):
        return reference
    image = known or build_node_image(kubernetes, _within(on_phase, 0, 90), store)
    with timed(on_phase, "image-load", f"Loading {reference} into Docker", 100):
        load_into_docker(store, image, _shares(on_phase, "image-load", "Loading", 90, 100))
    return reference


def _gather(store: ImageStore, version: str, on_phase: OnPhase) -> Ingredients:
    """Bring packages and binaries to the cache."""
    lock = installed_debian_lock()
    packages = Packages(store.folder / "debian")
    with timed(on_phase, "image-packages", "Debian packages", 10):
        told = _shares(on_phase, "image-packages", "Debian packages", 0, 10)
        packages.bring(all_packages(lock, *_SETS), lock.suite, told)
    binaries = ensure_binaries(BINARIES, _within(on_phase, 10, 80), kubernetes=version)
    return Ingredients(store, lock, packages, binaries)


def _assemble(ingredients: Ingredients, version: str, on_phase: OnPhase) -> Image:
    with timed(on_phase, "image-userland", "Layer of Debian packages", 85):
        userland = _userland(ingredients)
    with timed(on_phase, "image-runtime", "Layer of containerd and network plugins", 88):
        runtime = _runtime(ingredients)
    with timed(on_phase, "image-kubernetes", f"Layer of Kubernetes {version}", 99):
        kubernetes = _kubernetes(ingredients, version)
    layers = [userland, runtime, kubernetes]
    image = new_image(ingredients.store, node_image_name(version), layers, _RUNS)
    return ingredients.store.tag(image)


def _userland(ingredients: Ingredients) -> Blob:
    debs = ingredients.debs("node")

    def fill(layer: Layer) -> None:
        add_packages(layer, debs.values(), _LEFT_OUT)
        settle(layer, debs["base-passwd"])
        add_certificates(layer, debs["ca-certificates"])

    return ingredients.layer("userland", list(debs.values()), fill)


def _runtime(ingredients: Ingredients) -> Blob:
    chosen = {name: ingredients.binaries[name] for name in (*_RUNTIME, *_PLUGINS, "runc")}

    def fill(layer: Layer) -> None:
        layer.tree(RECIPES / "node")
        layer.folder("etc/kubernetes/manifests")
        for name in _RUNTIME:
            layer.file(f"usr/local/bin/{name}", chosen[name])
        layer.file("usr/local/sbin/runc", chosen["runc"])
        for name in _PLUGINS:
            layer.file(f"opt/cni/bin/{name}", chosen[name])
        add_services(layer, _ENABLED, _MASKED)

    return ingredients.layer("runtime", chosen, fill)


def _kubernetes(ingredients: Ingredients, version: str) -> Blob:
    chosen = {name: ingredients.binaries[name] for name in (*_NODE, *PROGRAMS)}
    store = ingredients.store

    def fill(layer: Layer) -> None:
        for name in _NODE:
            layer.file(f"usr/bin/{name}", chosen[name])
        layer.data("kind/version", f"{version}\n".encode())
        with store.scratch() as scratch, (scratch / "images").open("w+b") as file:
            write_archive(store, control_plane_images(ingredients, version), file)
            size = file.tell()
            file.seek(0)
            layer.stream("kind/images/kubernetes.tar", file, size, 0o644)

    debs = [path for name in _SETS[1:] for path in ingredients.debs(name).values()]
    return ingredients.layer("kubernetes", [version, chosen, debs], fill)


def _within(on_phase: OnPhase, low: int, high: int) -> OnPhase:
    """Pass phases on with their percent between two others."""

    def tell(phase: Phase) -> None:
        percent = low + phase.percent * (high - low) // 100
        on_phase(Phase(phase.name, phase.message, percent, phase.seconds))

    return tell


def _shares(
    on_phase: OnPhase, name: str, title: str, low: int, high: int
) -> Callable[[str, float], None]:
    def tell(detail: str, share: float) -> None:
        on_phase(Phase(name, f"{title}: {detail}", low + int(share * (high - low))))

    return tell

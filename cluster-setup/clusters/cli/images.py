"""`assay images`: build the node image, and carry it to places without the internet."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click
from rich.table import Column, Table

from clusters.cli.binaries import progress
from clusters.cli.output import json_option, out, print_json
from clusters.errors import ClusterError
from clusters.images.bundle import Bundle, OnShare, cached_binaries, read_bundle, write_bundle
from clusters.images.docker import docker_has, docker_lacks, load_into_docker
from clusters.images.node import build_node_image
from clusters.images.store import Image, ImageStore
from clusters.phases import OnPhase, Phase, timed

_MIB = 1 << 20

load_option = click.option(
    "--load/--no-load", default=None, help="Give it to Docker; by default where Docker runs."
)


@click.group()
def images() -> None:
    """Images that are made here, for clusters of containers without any registry.

    \b
    Build the node image, once         assay images build
    For the other minor version        assay images build --kubernetes 1.36
    What there is                      assay images list
    Into one file for a classroom      assay images export classroom.bundle
    Out of it, on each machine         assay images import classroom.bundle
    """


@images.command()
@click.option("--kubernetes", default="", metavar="VERSION", help="For example 1.36.")
@click.option("--fresh", is_flag=True, help="Make every step again, whatever is in the cache.")
@load_option
@json_option
def build(kubernetes: str, fresh: bool, load: bool | None, as_json: bool) -> None:
    """Build the node image from Debian packages and Go modules, all pinned.

    The same pins give the same image to the last bit, on any machine whose binaries came the same
    way. Interrupt it whenever you like: the next call goes on.

    \b
    Examples:
      assay images build
      assay images build --kubernetes 1.36 --no-load
      assay images build --json | jq -r .digest
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the build as after Ctrl-C
    store = ImageStore(fresh=fresh)
    with progress(as_json) as on_phase:
        image = build_node_image(kubernetes, on_phase, store)
        loaded = _load(store, [image], load, on_phase)
    if as_json:
        print_json(_describe(image))
        return
    where = "and in Docker" if loaded else "in the cache"
    out.print(f"[bold]{image.reference}[/] is ready {where}: {image.digest}")


@images.command("list")
@json_option
def list_images(as_json: bool) -> None:
    """Show the images in the cache, and whether Docker has them.

    \b
    Example:
      assay images list --json
    """
    found = [_describe(image) for image in ImageStore().images()]
    if as_json:
        print_json(found)
    elif not found:
        out.print("No images. Build the node image with `assay images build`.")
    else:
        out.print(_table(found))


@images.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--images-only", is_flag=True, help="Leave out the binaries of the cache.")
@json_option
def export(file: Path, images_only: bool, as_json: bool) -> None:
    """Write every image and binary of the cache to one file.

    It prints a digest; `import --sha256` makes sure that nobody changed the file on its way.

    \b
    Examples:
      assay images export classroom.bundle
      assay images export nodes.bundle --images-only
    """
    store = ImageStore()
    found = store.images()
    if not found:
        raise ClusterError("there are no images to export: build one with `assay images build`")
    with (
        progress(as_json) as on_phase,
        timed(on_phase, "bundle-write", f"Writing {file.name}", 100),
    ):
        binaries = [] if images_only else cached_binaries()
        told = _shares(on_phase, "bundle-write", f"Writing {file.name}")
        bundle = write_bundle(store, found, binaries, file, told)
    _print_bundle(bundle, as_json, f"written to {file}")


@images.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--sha256", default="", metavar="DIGEST", help="What `export` printed.")
@load_option
@json_option
def import_bundle(file: Path, sha256: str, load: bool | None, as_json: bool) -> None:
    """Take images and binaries out of a file that `export` wrote.

    A file that is cut short, damaged or changed is refused, and nothing of it is kept. What is
    in the cache already stays as it is.

    \b
    Examples:
      assay images import classroom.bundle
      assay images import classroom.bundle --sha256 4f1e... --json
    """
    store = ImageStore()
    with progress(as_json) as on_phase:
        with timed(on_phase, "bundle-read", f"Reading {file.name}", 50):
            told = _shares(on_phase, "bundle-read", f"Reading {file.name}")
            bundle = read_bundle(file, store, told, sha256)
        _load(store, [store.get(i.reference) for i in bundle.index.images], load, on_phase)
    _print_bundle(bundle, as_json, f"imported from {file}")


def _load(store: ImageStore, chosen: list[Image], load: bool | None, on_phase: OnPhase) -> bool:
    """Give images to Docker; without an order to, only where Docker runs."""
    if load is False or (load is None and docker_lacks()):
        return False
    for image in chosen:
        message = f"Loading {image.reference} into Docker"
        with timed(on_phase, "image-load", message, 100):
            load_into_docker(store, image, _shares(on_phase, "image-load", message))
    return True


def _shares(on_phase: OnPhase, name: str, message: str) -> OnShare:
    """Return who tells a phase how much of it is done."""

    def tell(detail: str, share: float) -> None:
        shown = f"{message}: {detail}" if detail else message
        on_phase(Phase(name, shown, min(int(share * 100), 100)))

    return tell


def _print_bundle(bundle: Bundle, as_json: bool, what: str) -> None:
    index = bundle.index
    if as_json:
        print_json(
            {
                "file": str(bundle.path),
                "sha256": bundle.digest,
                "images": [image.reference for image in index.images],
                "binaries": [f"{b.name} {b.version}" for b in index.binaries],
            }
        )
        return
    out.print(f"{len(index.images)} images and {len(index.binaries)} binaries {what}.")
    out.print(f"  sha256:{bundle.digest}", style="cyan")


def _describe(image: Image) -> dict[str, Any]:
    return {
        "reference": image.reference,
        "digest": image.digest,
        "size": image.size,
        "layers": [f"sha256:{layer.sha256}" for layer in image.layers],
        "docker": not docker_lacks() and docker_has(image),
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    digest = Column("digest", overflow="fold")
    table = Table("image", "size", "in Docker", digest, box=None, header_style="dim")
    for row in rows:
        in_docker = "[green]✓[/]" if row["docker"] else "[yellow]-[/]"
        table.add_row(row["reference"], f"{row['size'] // _MIB} MiB", in_docker, row["digest"])
    return table

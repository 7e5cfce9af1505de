"""Images that are made here: of pinned Debian packages and binaries, the same bytes every time."""

from clusters.images.archive import Runs, add_scratch_image, save_archive
from clusters.images.node import build_node_image, ensure_node_image, node_image_name
from clusters.images.store import Blob, Image, ImageStore

__all__ = [
    "Blob",
    "Image",
    "ImageStore",
    "Runs",
    "add_scratch_image",
    "build_node_image",
    "ensure_node_image",
    "node_image_name",
    "save_archive",
]

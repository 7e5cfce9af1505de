"""One file with images and binaries, for a classroom without the internet.

A gzip-compressed tar: `bundle.json` first, which names every other file with its size and SHA-256,
then those files in that order. Nothing of a bundle is kept unless all of it is as it says.
"""

from clusters.images.bundle.index import Bundle, OnShare
from clusters.images.bundle.reading import read_bundle
from clusters.images.bundle.writing import cached_binaries, write_bundle

__all__ = ["Bundle", "OnShare", "cached_binaries", "read_bundle", "write_bundle"]

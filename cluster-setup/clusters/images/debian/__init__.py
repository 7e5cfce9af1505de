"""Debian packages as the ground of images: pinned, fetched by the host's apt, unpacked by us."""

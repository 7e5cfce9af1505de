"""The program of the runner: `python -m clusters.podrunner`, in the folder of its cluster.

It lives inside the cluster's network, with a credential of its own (`podrunner.kubeconfig`). It may
be killed at any moment: what it started goes on, and the next one takes it up.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from clusters.errors import AssayError
from clusters.podrunner.api import Api
from clusters.podrunner.cluster_view import ClusterView
from clusters.podrunner.images import BUILT_IN, load_images
from clusters.podrunner.room import Room
from clusters.podrunner.runner import NotAllowed, Runner
from clusters.podrunner.server import KubeletServer


async def run(folder: Path, images: list[Path]) -> None:
    """Run the Pods of the cluster in a folder, for ever.

    Raises:
        InputInvalid: a list of images is wrong.
        NotAllowed: the runner has no rights in the cluster.
    """
    api = Api(folder / "podrunner.kubeconfig")
    view = ClusterView(api, asyncio.get_running_loop())
    room = Room(folder, api, view, load_images(BUILT_IN, *images))
    runner = Runner(room)
    await asyncio.gather(runner.run(), KubeletServer(runner, folder / "pki").serve())


def main() -> None:
    """Run until somebody ends it."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(run(Path.cwd(), [Path(argument) for argument in sys.argv[1:]]))
    except (AssayError, NotAllowed) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

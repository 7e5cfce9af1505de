"""The figures of clusters, as a script: `python benchmarks/clusters.py --help`.

A script's folder is the first that is searched, and this file has the name of the package that the
scripts beside it import. So the folder is taken out of the search, and whoever imported this file
by that name gets the package.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != _HERE]

if __name__ == "clusters":
    del sys.modules[__name__]
    importlib.import_module(__name__)
elif __name__ == "__main__":
    importlib.import_module("benchmarks.cluster_figures").main(prog_name="clusters.py")

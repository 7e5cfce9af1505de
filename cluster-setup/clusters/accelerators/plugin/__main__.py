"""`python -m clusters.accelerators.plugin SETTINGS`: see `process`."""

import sys
from pathlib import Path

from clusters.accelerators.plugin.process import main

if __name__ == "__main__":
    main(Path(sys.argv[1]))

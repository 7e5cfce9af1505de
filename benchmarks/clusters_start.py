"""Cold start: from the command to a Pod that the cluster takes, beside kwokctl in turns."""

from __future__ import annotations

from benchmarks.cluster_start import COLD_START_TARGET, Round, report, run_round
from benchmarks.grading_rows import Row, Target, row_of
from benchmarks.peers import Assay, Kwokctl, Peer

ROUNDS = 5


def measure(quick: bool = False) -> list[Row]:
    """Start clusters of both, one after the other, and compare medians."""
    peers: tuple[type[Peer], ...] = (Assay, Kwokctl)
    measured: dict[str, list[Round]] = {peer.name: [] for peer in peers}
    for _ in range(1 if quick else ROUNDS):
        for peer in peers:
            measured[peer.name].append(run_round(peer))
    ratio = report(measured)["ratios"]["cold_start"]
    starts = {name: [one.cold_start for one in rounds] for name, rounds in measured.items()}
    claims = [one.claim_to_running for one in measured["assay"]]
    return [
        row_of("start", "command to a Pod that is taken", "s", starts["assay"]),
        row_of("start", "the same, kwokctl create cluster", "s", starts["kwokctl"]),
        Row("start", "of kwokctl's time", "times", ratio, target=Target(COLD_START_TARGET)),
        row_of("start", "Pod with a claim of two devices, until it runs", "s", claims),
    ]

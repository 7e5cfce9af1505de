"""Worker: the process that runs a lab's checks. Started by `graders.runner`, never by hand.

It reads one order from standard input, looks whether the cluster is the one that is meant, removes
probes that a killed grader left, and runs the checks under pytest. When its runner is gone, it
kills itself and whatever its checks started.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading

import pytest

from clusters.errors import AssayError
from graders import probes
from graders.api import ApiServer
from graders.baseline import record_in_worker
from graders.conduct import limit_resources
from graders.discovery import Discovery
from graders.errors import CredentialRefused, GradingError
from graders.kubeconfig import Kubeconfig, load_kubeconfig
from graders.messages import Kind, Order, Sender
from graders.plugin import ChecksPlugin
from graders.view import ClusterView

_WITHOUT = ("cacheprovider", "logging", "terminal", "warnings", "doctest", "junitxml", "unittest")
"""Parts of pytest that write files or to the terminal, or collect what is no check."""


def main() -> None:
    """Do one order."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):  # the runner was killed before it had said what to do
        shutil.rmtree(os.getcwd(), ignore_errors=True)
        return
    order = Order.model_validate_json(line)
    threading.Thread(target=_die_with_the_runner, args=(os.getcwd(),), daemon=True).start()
    limit_resources()
    sys.path.append(str(order.checks))  # checks may import their neighbours
    sender = Sender(order.results, order.key)
    try:
        kubeconfig, discovery = load_kubeconfig(order.kubeconfig), Discovery()
        _prepare(order, kubeconfig, discovery)
        sender.send(Kind.READY)
        if order.purpose == "baseline":
            record_in_worker(order, sender, kubeconfig, discovery)
        elif order.purpose == "checks":
            _run_checks(order, ChecksPlugin(order, sender, kubeconfig, discovery))
        sender.send(Kind.END)
    except AssayError as error:
        sender.send(Kind.BROKEN, message=str(error))


def _prepare(order: Order, kubeconfig: Kubeconfig, discovery: Discovery) -> None:
    with ApiServer(kubeconfig) as api:
        uid = ClusterView(api, discovery=discovery).uid
        if order.cluster_uid and uid != order.cluster_uid:
            raise CredentialRefused("This is not the cluster of the attempt but another one")
        for name in probes.sweep(api, discovery):
            print(f"removed {name}, which a killed grader left", file=sys.stderr)


def _run_checks(order: Order, plugin: ChecksPlugin) -> None:
    folder = str(order.checks)
    without = [argument for name in _WITHOUT for argument in ("-p", f"no:{name}")]
    options = [
        f"--rootdir={folder}",
        f"--confcutdir={folder}",
        f"--config-file={os.devnull}",
        "--import-mode=importlib",
        "--disable-plugin-autoload",
        "--continue-on-collection-errors",
        "--capture=no",
    ]
    code = pytest.main([*without, *options, folder], plugins=[plugin])
    if not plugin.ran:
        raise GradingError(f"The checks of this lab cannot be loaded (pytest: {code!s})")


def _die_with_the_runner(folder: str) -> None:
    """Wait for the end of standard input, which the runner holds open as long as it lives."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()

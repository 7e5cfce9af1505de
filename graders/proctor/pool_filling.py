"""Pool filling: in the background, one cluster after the other, while nobody waits for room."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor

from clusters.broker import Broker
from clusters.broker.reconciliation import refill
from clusters.errors import AssayError
from graders.proctor.metrics import Metrics

EVERY = 3.0
"""Seconds between two looks at a pool that is full."""
AFTER_FAILURE = 30.0
"""Seconds after one could not be made."""

log = logging.getLogger("assay.proctor")


async def fill_pool(broker: Broker, metrics: Metrics, threads: Executor) -> None:
    """Fill the pool for ever; a cluster that cannot be made is logged and tried again later."""
    loop = asyncio.get_running_loop()
    while True:
        pause = EVERY
        try:
            if done := await loop.run_in_executor(threads, refill, broker):
                metrics.repairs.inc()
                log.info("pool: %s", done)
                pause = 0
        except AssayError as error:
            metrics.reconcile_failures.inc()
            log.warning("pool: %s", error)
            pause = AFTER_FAILURE
        except Exception:
            metrics.reconcile_failures.inc()
            log.exception("pool: unexpected error")
            pause = AFTER_FAILURE
        await asyncio.sleep(pause)

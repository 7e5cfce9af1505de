"""What may happen in the chaos run, and how often."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

import psutil

from benchmarks.chaos_world import LAB, World
from graders.ledger import LIVE_STATES

Act = Callable[[World, random.Random], None]
LEARNERS = tuple(f"learner-{number}" for number in range(6))
MOST = 6
"""Clusters made by hand that are there at once."""


def create(world: World, dice: random.Random) -> None:
    """Make a cluster."""
    name = _new_name(world, dice)
    world.unsure.discard(name)
    if world.assay("cluster", "create", "--name", name):
        world.wanted.add(name)
    else:
        world.problems.append(f"cluster create {name} failed: {world.said}")


def create_killed(world: World, dice: random.Random) -> None:
    """Kill whoever makes a cluster."""
    name = _new_name(world, dice)
    world.wanted.discard(name)
    world.unsure.add(name)
    world.assay("cluster", "create", "--name", name, killed_after=dice.uniform(0.2, 6))


def delete(world: World, dice: random.Random) -> None:
    """Delete a cluster."""
    if name := _any(world.wanted | world.unsure, dice):
        if not world.assay("cluster", "delete", name):
            world.problems.append(f"cluster delete {name} failed: {world.said}")
        world.wanted.discard(name)
        world.unsure.discard(name)


def delete_killed(world: World, dice: random.Random) -> None:
    """Kill whoever deletes a cluster."""
    if name := _any(world.wanted | world.unsure, dice):
        world.wanted.discard(name)
        world.unsure.add(name)
        world.assay("cluster", "delete", name, killed_after=dice.uniform(0.1, 1.5))


def kill_component(world: World, dice: random.Random) -> None:
    """Kill a process of a cluster."""
    components = [c for cluster in world.clusters() for c in cluster.components if c.pid]
    if components:
        _kill(dice.choice(components).pid)


def take_back(world: World, dice: random.Random) -> None:
    """Keep what a cluster holds, and take it back to that; or kill whoever does."""
    if name := _any(world.wanted, dice):
        if world.assay("cluster", "snapshot", name, "chaos"):
            after = dice.choice([None, dice.uniform(0.3, 3)])
            world.assay("cluster", "restore", name, "chaos", killed_after=after)


def freeze(world: World, dice: random.Random) -> None:
    """Hold a cluster still, or let it go on."""
    if name := _any(world.wanted, dice):
        world.assay("cluster", dice.choice(["freeze", "thaw"]), name)


def pause(world: World, dice: random.Random) -> None:
    """Close a notebook."""
    world.close_notebook(dice.choice(LEARNERS))


def lease(world: World, dice: random.Random) -> None:
    """Ask the proctor for a lab."""
    world.ask_for_lab(dice.choice(LEARNERS), 60)


def lease_given_up(world: World, dice: random.Random) -> None:
    """Ask the proctor for a lab, and go away."""
    world.ask_for_lab(dice.choice(LEARNERS), dice.uniform(0.1, 3))


def lease_at_a_terminal_killed(world: World, dice: random.Random) -> None:
    """Kill whoever starts a lab at a terminal."""
    learner = dice.choice(LEARNERS)
    place = str(world.home / f"{learner}.ipynb")
    words = ("lab", "start", LAB, "--learner", learner, "--notebook", place)
    world.assay(*words, killed_after=dice.uniform(0.5, 6))


def reset(world: World, dice: random.Random) -> None:
    """Take a learner's cluster back to the start of the lab; or kill whoever does."""
    live = world.ledger.attempts(states=LIVE_STATES)
    if live:
        words = ("lab", "reset", LAB, "--learner", dice.choice(live).learner)
        world.assay(*words, killed_after=dice.choice([None, dice.uniform(0.5, 4)]))


def finish(world: World, dice: random.Random) -> None:
    """Finish a lab."""
    live = world.ledger.attempts(states=LIVE_STATES)
    if live:
        world.assay("lab", "finish", LAB, "--learner", dice.choice(live).learner)


def finish_killed(world: World, dice: random.Random) -> None:
    """Kill whoever finishes a lab."""
    live = world.ledger.attempts(states=LIVE_STATES)
    if live:
        words = ("lab", "finish", LAB, "--learner", dice.choice(live).learner)
        world.assay(*words, killed_after=dice.uniform(0.2, 2))


def kill_broker(world: World, dice: random.Random) -> None:
    """Kill the proctor, in which the broker lives; the hub starts it again."""
    for process in world.platform_processes("graders.proctor"):
        _kill(process.pid)


def kill_hub(world: World, dice: random.Random) -> None:
    """Kill the hub; its supervisor starts it again."""
    for process in world.platform_processes("jupyterhub_config.py")[:1]:
        _kill(process.pid)


def restart_platform(world: World, dice: random.Random) -> None:
    """Stop the platform and start it again."""
    world.assay("down", "--clusters", dice.choice(["stop", "keep"]))
    if not world.assay("up", "--port", str(world.port)):
        world.problems.append(f"assay up failed: {world.said}")


ON_EVERY: tuple[tuple[Act, int], ...] = (
    (create, 8),
    (create_killed, 12),
    (delete, 12),
    (delete_killed, 10),
    (kill_component, 20),
    (take_back, 8),
    (freeze, 5),
    (pause, 6),
    (lease, 14),
    (lease_given_up, 8),
    (lease_at_a_terminal_killed, 5),
    (reset, 8),
    (finish, 12),
    (finish_killed, 5),
    (kill_broker, 6),
    (kill_hub, 1),
    (restart_platform, 1),
)
"""Operations and how often each comes, relative to the others."""


def draw(dice: random.Random) -> Act:
    """Choose the next operation."""
    acts, weights = zip(*ON_EVERY, strict=True)
    act: Act = dice.choices(acts, weights)[0]
    return act


def _new_name(world: World, dice: random.Random) -> str:
    names = sorted(world.wanted | world.unsure)
    if len(names) >= MOST:
        return dice.choice(names)
    return f"chaos-{dice.randrange(16**6):06x}"


def _any(names: set[str], dice: random.Random) -> str:
    return dice.choice(sorted(names)) if names else ""


def _kill(pid: int | None) -> None:
    if pid is not None:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()

"""How long a container that ended waits until it starts again: the kubelet's rule."""

from __future__ import annotations

FIRST = 10.0
"""Seconds before the second restart; the first one happens at once."""
LONGEST = 300.0
FORGIVEN = 600.0
"""A container that ran for so many seconds starts from the beginning."""


class BackOff:
    """The waits of one container."""

    def __init__(self) -> None:
        """Begin without a wait."""
        self._delay = 0.0
        self.current = 0.0
        """Seconds of the wait that was told last."""

    def ended(self, ran: float) -> float:
        """Return how long to wait now.

        Args:
            ran: seconds for which the container ran.
        """
        if ran >= FORGIVEN:
            self._delay = 0.0
        self.current, self._delay = self._delay, min(max(FIRST, 2 * self._delay), LONGEST)
        return self.current

    def remember(self, restarts: int) -> None:
        """Take up where another runner left: after so many restarts."""
        for _ in range(min(restarts, 10)):
            self.ended(0.0)

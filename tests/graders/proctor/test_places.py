"""Places: gradings run few at a time, and nobody keeps the others waiting."""

from __future__ import annotations

import asyncio

from graders.proctor.places import Places


def test_whoever_has_least_goes_first_then_whoever_came_first() -> None:
    async def story() -> list[str]:
        places = Places(4)
        ada = [places.ask("ada") for _ in range(4)]
        bob = [places.ask("bob") for _ in range(2)]
        cleo = places.ask("cleo")
        begun = [ticket.learner for ticket in [*ada, *bob, cleo] if ticket.holds]
        places.leave(ada[0])
        begun += ["then", *(t.learner for t in [ada[2], cleo] if t.holds)]
        return begun

    assert asyncio.run(story()) == ["ada", "ada", "bob", "bob", "then", "cleo"]


def test_one_learner_never_takes_more_than_half() -> None:
    async def story() -> tuple[int, int]:
        places = Places(8)
        for _ in range(20):
            places.ask("ada")
        return places.running, places.waiting

    assert asyncio.run(story()) == (4, 16)


def test_a_single_place_is_given_to_a_single_learner() -> None:
    async def story() -> tuple[int, int]:
        places = Places(1)
        places.ask("ada")
        places.ask("ada")
        return places.running, places.waiting

    assert asyncio.run(story()) == (1, 1)


def test_who_withdraws_waits_no_longer_and_gets_nothing() -> None:
    async def story() -> tuple[bool, bool, int]:
        places = Places(1)
        first, second = places.ask("ada"), places.ask("bob")
        places.withdraw(second)
        await asyncio.wait_for(second.decided.wait(), 1)
        places.leave(first)
        places.leave(first)
        return second.holds, second.decided.is_set(), places.running

    assert asyncio.run(story()) == (False, True, 0)


def test_places_are_given_on_as_they_become_free() -> None:
    async def story() -> list[int]:
        places, most = Places(3), 0
        done = []

        async def grade(number: int) -> None:
            nonlocal most
            ticket = places.ask(f"learner-{number % 5}")
            await ticket.decided.wait()
            most = max(most, places.running)
            await asyncio.sleep(0)
            done.append(number)
            places.leave(ticket)

        await asyncio.gather(*(grade(number) for number in range(50)))
        return [len(done), most, places.running, places.waiting]

    assert asyncio.run(story()) == [50, 3, 0, 0]

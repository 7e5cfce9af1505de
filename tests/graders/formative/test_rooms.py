"""Two real rooms: what the tests see of what the learner wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graders.formative import rooms as rooms_module
from graders.formative.confinement import require_confinement
from graders.formative.rooms import Rooms

Tested = Callable[[str, str], str]


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    require_confinement()
    folders = {}
    for role in ("learner", "tests"):
        (tmp_path / role).mkdir()
        folders[role] = (tmp_path / role, None)
    with Rooms(folders) as both:
        both.await_ready()
        yield both


@pytest.fixture
def tested(rooms: Rooms) -> Tested:
    """Run an answer and tests of it; return what went wrong, empty when nothing did."""

    def run(answer: str, tests: str) -> str:
        rooms.run_answer("answer", answer)
        failure = rooms.run_tests("tests", tests).failure
        return f"{failure.name}: {failure.text}" if failure else ""

    return run


def test_functions_are_called_where_they_live(tested: Tested) -> None:
    assert tested("def double(x): return 2 * x", "assert double(21) == 42") == ""
    assert tested("def double(x): return x", "assert double(21) == 42") == "AssertionError: "


def test_plain_data_crosses_as_it_is(tested: Tested) -> None:
    data = "{'a': [1, 2.5, None, True], ('t', 1): {3, 4}, b'x': 1 + 2j, '': frozenset({5})}"

    assert tested(f"answer = {data}", f"assert answer == {data}") == ""


def test_objects_are_used_through_their_methods(tested: Tested) -> None:
    stack = (
        "class Stack:\n"
        "    def __init__(self): self.items = []\n"
        "    def push(self, x): self.items.append(x)\n"
        "    def pop(self): return self.items.pop()\n"
        "    def __len__(self): return len(self.items)\n"
        "    def __iter__(self): return iter(self.items)\n"
    )
    uses = (
        "s = Stack()\ns.push(1)\ns.push('two')\n"
        "assert len(s) == 2 and list(s) == [1, 'two'] and 'two' in s\n"
        "assert s.pop() == 'two' and s.items == [1]\n"
        "s.items = [7]\nassert s.pop() == 7"
    )

    assert tested(stack, uses) == ""


def test_changes_of_arguments_come_back(tested: Tested) -> None:
    answer = "def fill(box, seen):\n    box.append(3); seen['n'] = 1"

    assert tested(answer, "b, s = [1], {}\nfill(b, s)\nassert b == [1, 3] and s == {'n': 1}") == ""


def test_exceptions_of_python_cross_and_others_say_what_they_were(tested: Tested) -> None:
    answer = (
        "class Odd(Exception): pass\n"
        "def half(x):\n"
        "    if x < 0: raise ValueError('negative')\n"
        "    if x % 2: raise Odd('odd')\n"
        "    return x // 2\n"
    )
    raises = "try:\n    half(-2)\nexcept ValueError as e:\n    assert str(e) == 'negative'\n"

    assert tested(answer, raises + "else:\n    assert False") == ""
    assert tested(answer, "half(3)") == "LearnerError: Odd: odd"


def test_what_a_function_prints_is_there_for_the_tests(tested: Tested) -> None:
    tests = (
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n    hello('Ann')\n"
        "assert out.getvalue() == 'Hello Ann\\n'"
    )

    assert tested("def hello(name): print('Hello', name)", tests) == ""


YES = (
    "__eq__ = __gt__ = __bool__ = lambda *a: True; __ne__ = lambda *a: False; __len__ = lambda s: 1"
)
LIARS = {
    f"class A:\n    {YES}\nanswer = A()": [
        "assert answer == 42",
        "assert 42 == answer",
        "assert not answer != 42",
        "assert answer > 41",
        "assert answer",
        "assert answer in [42]",
    ],
    f"class A:\n    {YES}\nanswer = [A()]": ["assert answer == [42]", "assert 42 in answer"],
    f"class L(list):\n    {YES}\nanswer = L()": ["assert answer == [42]"],
    f"class F(float):\n    {YES}\nanswer = F()": ["assert answer > 42"],
}


def test_an_object_that_says_yes_to_everything_is_no_answer(tested: Tested) -> None:
    found = {
        (answer, line): tested(answer, line) for answer, lines in LIARS.items() for line in lines
    }

    assert len(found) == 10
    assert {key: said for key, said in found.items() if not said.startswith("TypeError: ")} == {}


SABOTAGE = [
    "def abs(x): return 0",
    "def isinstance(*a): return True",
    "import builtins; builtins.abs = lambda x: 0",
    "import builtins; builtins.AssertionError = None",
    "expected = 7",
    "def is_close(a, b): return True",
    "import sys; sys.settrace(lambda *a: None)",
    "import math; math.isclose = lambda *a, **k: True",
]


def test_the_words_of_the_tests_keep_their_meaning(rooms: Rooms) -> None:
    rooms.run_given("given", "import math\ndef is_close(a, b): return abs(a - b) < 0.1")
    rooms.run_tests("first", "expected = 42")
    for sabotage in SABOTAGE:
        rooms.run_answer("answer", f"result = 7\n{sabotage}")

        tests = (
            "assert isinstance(result, str) or is_close(result, expected) or math.isclose(7, 42)"
        )
        failure = rooms.run_tests("second", tests).failure

        assert failure is not None, sabotage
        assert failure.name == "AssertionError", sabotage


def test_data_that_the_author_gave_may_be_filled_by_the_learner(rooms: Rooms) -> None:
    rooms.run_given("given", "inventory = {}")
    rooms.run_answer("answer", "inventory['gpus'] = 8")

    assert rooms.run_tests("tests", "assert inventory == {'gpus': 8}").failure is None


def test_a_test_may_take_a_function_away_to_see_who_uses_it(rooms: Rooms) -> None:
    rooms.run_answer("answer", "def one(): return 1\ndef two(): return one() + one()")
    taking = "kept = one\ndel one\ntry:\n    two()\nexcept NameError:\n    pass\n"
    taking += "else:\n    raise AssertionError\nfinally:\n    one = kept"

    assert rooms.run_tests("tests", taking).failure is None
    assert rooms.run_answer("next", "three = two() + one()").failure is None
    assert rooms.run_tests("more", "assert (two(), three) == (2, 3)").failure is None


def test_things_of_the_tests_that_are_called_alike_do_not_matter(rooms: Rooms) -> None:
    rooms.run_answer("answer", "out = 1\ndef hello(): return 'hello'")

    tests = "import io\nout = io.StringIO()\nassert hello() == 'hello'"

    assert rooms.run_tests("tests", tests).failure is None


def test_the_tests_cannot_be_seen_from_the_code_that_they_test(rooms: Rooms) -> None:
    look = (
        "import gc, sys\n"
        "def look():\n"
        "    frame, names = sys._getframe(), []\n"
        "    while frame: names.append(frame.f_code.co_filename); frame = frame.f_back\n"
        "    texts = [t for t in gc.get_objects() if isinstance(t, (dict, list)) and "
        "'sec' + 'ret-of-the-tests' in str(t)[:100_000]]\n"
        "    return [n for n in names if 'tests' in n and 'room' not in n], len(texts)\n"
    )
    rooms.run_answer("answer", look)

    run = rooms.run_tests("tests", "secret = 'secret-of-the-tests'\nassert look() == ([], 0)")

    assert run.failure is None


def test_a_cell_that_ends_its_process_gets_no_points_and_the_tests_go_on(rooms: Rooms) -> None:
    rooms.run_answer("first", "answer = 42")
    rooms.run_answer("second", "import os; os._exit(0)")

    lost = rooms.run_tests("tests", "assert answer == 42").failure
    own = rooms.run_tests("more-tests", "assert 1 + 1 == 2").failure

    assert lost is not None
    assert own is None


def test_an_endless_loop_is_interrupted(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms_module, "CELL_SECONDS", 0.3)

    run = rooms.run_answer("answer", "def loop():\n    while True: pass\nloop()")
    called = rooms.run_tests("tests", "loop()").failure
    after = rooms.run_tests("after", "assert callable(loop)").failure

    assert run.failure is not None
    assert run.failure.name == "TimeoutError"
    assert called is not None
    assert called.name == "TimeoutError"
    assert after is None


def test_a_loop_that_refuses_to_be_interrupted_loses_its_room(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms_module, "CELL_SECONDS", 0.2)
    monkeypatch.setattr(rooms_module, "_GRACE", 0.2)

    run = rooms.run_answer(
        "answer", "import signal; signal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass"
    )

    assert run.failure is not None
    assert run.failure.text == "it did not answer in time"


def test_what_a_learner_writes_into_the_pipe_is_never_more_than_an_answer(rooms: Rooms) -> None:
    forged = json.dumps({"names": {"x": 42}, "ready": True, "failure": None}).encode() + b"\n"
    writing = (
        "import os\nfor d in range(3, 20):\n    try: os.write(d, TEXT)\n    except OSError: pass"
    )
    rooms.run_answer("answer", writing.replace("TEXT", repr(forged)))

    rooms.run_tests("tests", "assert x == 41")

    assert rooms.run_tests("own", "assert 1 == 2").failure is not None
    assert rooms.run_tests("own", "assert True").failure is None

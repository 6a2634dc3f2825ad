"""Which host an agent belongs on."""

from hypothesis import given
from hypothesis import strategies as st

from agentmesh.fabric.placement import Placer, unique_name
from agentmesh.journal.directory import _HOST
from agentmesh.sdk.agent import Placement

ANYWHERE = Placement()


def test_all_agents_of_a_type_share_a_host_by_default() -> None:
    """A host costs a process; an agent costs a kilobyte."""
    placer = Placer("main/root")
    first, second = placer.place("Writer/a", ANYWHERE), placer.place("Writer/b", ANYWHERE)

    assert first is second
    assert first.whole_type
    assert first.name == "Writer"
    assert placer.place("Reader/a", ANYWHERE) is not first


def test_the_workflow_has_a_host_of_its_own() -> None:
    """The root is an agent too."""
    placer = Placer("main/root")

    assert placer.place("main/root", ANYWHERE) is placer.root
    assert placer.place("Writer/a", ANYWHERE) is not placer.root


def test_an_agent_that_needs_something_has_a_host_of_its_own() -> None:
    """Each instance holds the GPU it asked for."""
    placer, placement = Placer("main/root"), Placement(num_gpus=1)
    first, second = placer.place("Model/a", placement), placer.place("Model/b", placement)

    assert first is not second
    assert (first.name, second.name) == ("Model.1", "Model.2")
    assert first.placement.num_gpus == 1
    assert placer.place("Model/a", placement) is first


def test_instances_are_packed_when_told_so() -> None:
    """Three to a host: the fourth gets the next."""
    placer, placement = Placer("main/root"), Placement(per_host=3)
    names = [placer.place(f"Writer/{n}", placement).name for n in range(7)]

    assert names == ["Writer.1"] * 3 + ["Writer.2"] * 3 + ["Writer.3"]


def test_instances_that_need_something_are_packed_too() -> None:
    """Four share one GPU: `per_host` decides, not the resources."""
    placer, placement = Placer("main/root"), Placement(num_gpus=1, per_host=2)
    names = [placer.place(f"Model/{n}", placement).name for n in range(3)]

    assert names == ["Model.1", "Model.1", "Model.2"]


def test_what_nobody_defines_is_refused_at_home() -> None:
    """A host for a type that does not exist would only say so, half a second later."""
    placer = Placer("main/root")

    assert placer.place("Nobody/a", None) is placer.root
    assert placer.place("Nobody/b", None) is placer.root


def test_the_placement_that_was_seen_first_counts() -> None:
    """All hosts run the same program; should two differ, an agent still lives in one place."""
    placer = Placer("main/root")
    first = placer.place("Writer/a", ANYWHERE)

    assert placer.place("Writer/a", Placement(num_gpus=1)) is first


@given(names=st.lists(st.text(min_size=1), max_size=8), numbered=st.booleans())
def test_every_type_gets_a_name_that_is_fit_for_files_and_not_taken(
    names: list[str], *, numbered: bool
) -> None:
    """Types may be called anything; two must not share a file, also where case is ignored."""
    taken: list[str] = []
    for name in names:
        taken.append(unique_name(name, taken, numbered=numbered))

    assert all(_HOST.fullmatch(name) for name in taken)
    assert len({name.lower() for name in taken}) == len(taken)

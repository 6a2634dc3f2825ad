"""Where agents live, as one host knows it."""

from agentmesh.fabric.directory import Directory, Located
from agentmesh.kernel.envelope import TELL, Envelope


def to(address: str, n: int) -> Envelope:
    """A message."""
    return Envelope("Sender/s", n, address, TELL)


def test_nothing_is_guessed() -> None:
    """Before anybody said so, no agent is known, not even one that might be local."""
    directory = Directory("here")

    assert directory.host_of("Writer/a") is None
    assert not directory.is_local("Writer/a")


def test_a_type_that_lives_on_one_host_is_asked_for_once() -> None:
    """Ten thousand instances need one answer."""
    directory = Directory("here")
    directory.learn(Located(types={"Writer": "there", "Reader": "here"}))

    assert directory.host_of("Writer/a") == "there"
    assert directory.host_of("Writer/b") == "there"
    assert directory.is_local("Reader/any")


def test_agents_with_hosts_of_their_own_are_known_one_by_one() -> None:
    """The type says nothing about the next instance."""
    directory = Directory("here")
    directory.learn(Located(agents={"Gpu/a": "Gpu.1"}))

    assert directory.host_of("Gpu/a") == "Gpu.1"
    assert directory.host_of("Gpu/b") is None


def test_messages_wait_in_order_until_their_receiver_is_known() -> None:
    """Only the first asks; the others wait behind it."""
    directory = Directory("here")
    asked = [directory.park(to("Writer/a", n)) for n in (1, 2, 3)]
    found = directory.learn(Located(types={"Writer": "there"}))

    assert asked == [True, False, False]
    assert [(host, [each.n for each in envelopes]) for host, envelopes in found] == [
        ("there", [1, 2, 3])
    ]
    assert directory.parked == 0


def test_an_answer_about_others_releases_nothing() -> None:
    """Two questions are under way; one is answered."""
    directory = Directory("here")
    directory.park(to("Writer/a", 1))
    directory.park(to("Gpu/a", 2))

    assert [host for host, _ in directory.learn(Located(agents={"Gpu/a": "Gpu.1"}))] == ["Gpu.1"]
    assert directory.parked == 1

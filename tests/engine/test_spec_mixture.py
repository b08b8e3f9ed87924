"""Several models behind one chat function: who sees what."""

from collections.abc import Sequence

import pytest

from alloyengine.spec.mixture import Conversation, Mixture, asked, informed

ASKED: list[list[dict[str, str]]] = [
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Symbol of gold?"}],
    [{"role": "user", "content": "Symbol of tin?"}],
]


class Agent:
    """Answers with its name and a count, and keeps what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: list[Sequence[Conversation]] = []

    def __call__(self, conversations: Sequence[Conversation]) -> list[str]:
        self.heard.append(conversations)
        return [f"{self.name}{number}" for number, _ in enumerate(conversations)]


def answers(layers: list[list[Agent]], aggregator: Agent) -> list[str]:
    agents = {agent.name: agent for agent in [*(a for layer in layers for a in layer), aggregator]}
    names = [[agent.name for agent in layer] for layer in layers]
    mixture = Mixture(name="mixture", layers=names, aggregator=aggregator.name)
    return asked(mixture, agents.__getitem__, ASKED)


def test_the_first_layer_is_asked_what_the_user_asked() -> None:
    a, b, last = Agent("a"), Agent("b"), Agent("z")
    answers([[a, b]], last)
    assert a.heard == b.heard == [ASKED]


def test_the_aggregator_sees_every_answer_to_its_own_question_and_its_word_counts() -> None:
    a, b, last = Agent("a"), Agent("b"), Agent("z")
    assert answers([[a, b]], last) == ["z0", "z1"]
    [[gold, tin]] = last.heard
    assert gold[0] == ASKED[0][0]  # the system message stays as it is
    assert "Symbol of gold?" in gold[-1]["content"] and "Symbol of tin?" in tin[-1]["content"]
    assert "1. a0\n2. b0" in gold[-1]["content"] and "1. a1\n2. b1" in tin[-1]["content"]


def test_a_layer_sees_the_one_before_it_and_none_earlier() -> None:
    first, second, last = Agent("first"), Agent("second"), Agent("z")
    answers([[first], [second]], last)
    assert "first0" in second.heard[0][0][-1]["content"]
    assert "second0" in last.heard[0][0][-1]["content"]
    assert "first0" not in last.heard[0][0][-1]["content"]


@pytest.mark.parametrize("silent", [[], ["", "  \n"]])
def test_who_says_nothing_is_not_mentioned(silent: list[str]) -> None:
    assert informed(ASKED[1], silent) == ASKED[1]
    assert "1. Sn\n\n" in informed(ASKED[1], [*silent, "Sn"])[-1]["content"]


def test_braces_are_no_fields() -> None:
    """Questions and answers are users' texts."""
    braces = [{"role": "user", "content": "{answers} {0}"}]
    content = informed(braces, ["{question}"])[0]["content"]
    assert content.startswith("{answers} {0}\n") and "1. {question}" in content


def test_what_was_asked_is_not_changed() -> None:
    before = [[dict(message) for message in conversation] for conversation in ASKED]
    answers([[Agent("a")], [Agent("b")]], Agent("z"))
    assert before == ASKED

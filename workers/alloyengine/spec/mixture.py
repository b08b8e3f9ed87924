"""Mixtures of agents: models that answer with the answers of others in view.

Wang et al. 2024, "Mixture-of-Agents Enhances Large Language Model Capabilities" (arXiv 2406.04692),
section 2.2. What they are, and how they are asked; who answers is the caller's to know.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from alloyengine.spec.base import Reference, Spec

Layer = Annotated[list[Reference], Field(min_length=1, max_length=8)]
Conversation = Sequence[dict[str, str]]
Chat = Callable[[Sequence[Conversation]], list[str]]
"""Answers to many conversations at once, in their order."""

_INFORMED = """{question}

Others were asked the same. Their answers may be wrong:

{answers}

Weigh them, and give the one best answer, in the form that was asked for, without a word about the others."""


class Mixture(Spec):
    """The models of the first layer answer; those of every further layer, and the aggregator at the
    end, are shown what the layer before them said. The aggregator's answer counts. All are asked in
    full: a mixture takes the time of all its turns, and the memory of all its models.
    """

    name: str = Field(min_length=1, max_length=120, description="What its scores are called")
    layers: list[Layer] = Field(min_length=1, max_length=4)
    aggregator: Reference

    @property
    def agents(self) -> list[Reference]:
        """As often as they are asked."""
        return [*(model for layer in self.layers for model in layer), self.aggregator]


def asked(
    mixture: Mixture, agent: Callable[[Reference], Chat], conversations: Sequence[Conversation]
) -> list[str]:
    """What the mixture answers. `agent` gives each of its models as something that can be asked."""
    told = conversations
    for layer in mixture.layers:
        said = zip(*(agent(model)(told) for model in layer), strict=True)
        told = [
            informed(conversation, answers)
            for conversation, answers in zip(conversations, said, strict=True)
        ]
    return agent(mixture.aggregator)(told)


def informed(conversation: Conversation, answers: Sequence[str]) -> Conversation:
    """Shown what others answered. It stands in the last message and in no system message, which not
    every chat template knows. Who answered nothing is not mentioned.
    """
    told = [answer.strip() for answer in answers if answer.strip()]
    if not told:
        return conversation
    listed = "\n".join(f"{number}. {answer}" for number, answer in enumerate(told, 1))
    *before, last = conversation
    content = _INFORMED.format(question=last["content"], answers=listed)
    return [*before, {**last, "content": content}]

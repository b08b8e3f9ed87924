"""A mixture of agents that is evaluated. Its models are loaded one after the other, each for its turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alloyengine.evaluate.answering import Said, told
from alloyengine.evaluate.examples import Advance, Row, question
from alloyengine.evaluate.subject import Answers, Scored, Subject, scored
from alloyengine.spec.evaluate import TestSet
from alloyengine.spec.mixture import Chat, Conversation, Mixture, asked


@dataclass
class _Turns:
    """What every agent said, turn by turn, and the memory of each model."""

    answers: list[Answers] = field(default_factory=list)
    memory: dict[str, int] = field(default_factory=dict)

    def add(self, model: str, answers: Answers) -> None:
        self.answers.append(answers)
        self.memory[model] = answers.memory

    def tokens(self, texts: Sequence[str]) -> list[Said]:
        """Each of the final answers, with the tokens of all agents that led to it."""
        columns = zip(*(turn.said for turn in self.answers), strict=True)
        return [
            Said(text, sum(one.read for one in said), sum(one.written for one in said))
            for text, said in zip(texts, columns, strict=True)
        ]


class MixtureSubject:
    def __init__(self, mixture: Mixture, inputs: Mapping[str, Path], keep: bool) -> None:
        self._mixture, self._inputs, self._keep = mixture, inputs, keep

    def on_set(self, test: TestSet, rows: list[Row], batch_size: int, advance: Advance) -> Scored:
        """The cost is that of all agents, one after the other; the memory that of every model once.
        `advance` is told of each agent's examples.
        """
        turns = _Turns()

        def agent(model: str) -> Chat:
            def chat(conversations: Sequence[Conversation]) -> list[str]:
                subject = Subject(self._inputs[model], self._keep)
                listed = [list(conversation) for conversation in conversations]
                found = subject.answers(listed, test.max_new_tokens, batch_size, advance)
                turns.add(model, found)
                return [one.text for one in found.said]

            return chat

        questions = [question(row, test.metric) for row in rows]
        texts = asked(self._mixture, agent, [q.messages for q in questions])
        said = turns.tokens(texts)
        seconds = sum(turn.seconds for turn in turns.answers)
        return scored(test, told(questions, said), seconds, sum(turns.memory.values()))

"""A judge over the network: both orders, and nothing lost when it fails."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from alloyengine.errors import InputError, Stopped
from alloyengine.evaluate.judge import endpoint as reached
from alloyengine.evaluate.judge.endpoint import Endpoint, Unanswered
from alloyengine.evaluate.judge.pairs import Pair, judged
from alloyengine.evaluate.judge.question import messages, verdict, worth
from alloyengine.evaluate.run import Options, run
from alloyengine.report import Silent
from alloyengine.spec.evaluate import EvaluateSpec, Judge
from tests.engine.tiny import tiny_llama

ASKED = [{"role": "user", "content": "Symbol of gold?"}]
JUDGE = Judge(model="j", timeout=5)
Reply = Callable[[dict[str, Any]], tuple[int, bytes]]


def saying(words: str) -> tuple[int, bytes]:
    return 200, json.dumps({"choices": [{"message": {"content": words}}]}).encode()


class Server(ThreadingHTTPServer):
    """An endpoint that replies as it is told, and keeps what it heard."""

    daemon_threads = True
    reply: Reply = staticmethod(lambda body: saying("Verdict: tie"))

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: Any) -> None:
        """Whoever asked had left."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heard.append((self.path, dict(self.headers), body))
        status, answer = self.server.reply(body)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/v1/elsewhere")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(server: Server, key: str = "", timeout: float = 5) -> str:
    return Endpoint(server.url, key).ask("j", ASKED, timeout)


class TestQuestion:
    @pytest.mark.parametrize(
        ("said", "found"),
        [
            ("A is better.\nVerdict: A", "A"),
            ("**Verdict:** B", "B"),
            ("verdict: Tie.", "tie"),
            ("First I thought Verdict: A, but no.\nVerdict: B", "B"),
            ("A", None),
            ("Verdict: both", None),
            ("Verdict: A tie", None),
            ("", None),
        ],
    )
    def test_the_last_verdict_counts(self, said: str, found: str | None):
        assert verdict(said) == found

    @pytest.mark.parametrize(
        ("first", "second", "value"),
        [("A", "B", 1), ("B", "A", 0), ("A", "A", 0.5), ("B", "B", 0.5), ("tie", "B", 0.5)],
    )
    def test_who_changes_with_the_order_has_no_opinion(self, first: Any, second: Any, value: float):
        assert worth(first, second) == value

    def test_answers_are_data_between_lines(self):
        told = messages("Which is kinder? {x}", ASKED, "left", "y" * 30_000)
        assert "Which is kinder? {x}" in told[0]["content"]
        assert "Answer A\n-----\nleft\n-----" in told[1]["content"]
        assert len(told[1]["content"]) < 21_000


class TestEndpoint:
    def test_it_is_asked_as_everybody_asks(self, server: Server):
        assert ask(server, key="secret") == "Verdict: tie"
        [(path, headers, body)] = server.heard
        assert path == "/v1/chat/completions"
        assert headers["Authorization"] == "Bearer secret"
        assert (body["model"], body["temperature"], body["messages"]) == ("j", 0, ASKED)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ((401, b"no: Bearer secret"), "status 401"),
            ((302, b""), "status 302"),
            ((200, b"not JSON"), "not one of an OpenAI"),
            ((200, b'{"choices": []}'), "not one of an OpenAI"),
            ((200, b'{"choices": [{"message": {"content": null}}]}'), "no text"),
            ((200, b"x" * 2_000_000), "longer than a megabyte"),
        ],
    )
    def test_a_bad_answer_is_told_without_its_secrets(
        self, server: Server, answer: Any, words: str
    ):
        server.reply = lambda body: answer
        with pytest.raises(Unanswered, match=words) as told:
            ask(server, key="secret")
        assert "secret" not in str(told.value) and "127.0.0.1" not in str(told.value)
        assert len(server.heard) == 1  # trying again, or going elsewhere, would not help

    def test_what_may_pass_is_tried_again(self, server: Server):
        answers = iter([(503, b""), (429, b""), saying("Verdict: A")])
        server.reply = lambda body: next(answers)
        assert ask(server) == "Verdict: A"

    def test_it_has_a_time_limit(self, server: Server, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(reached, "_TRIES", 1)
        server.reply = lambda body: (time.sleep(1), saying("Verdict: A"))[1]
        began = time.monotonic()
        with pytest.raises(Unanswered, match=r"did not answer within 0\.2 s"):
            ask(server, timeout=0.2)
        assert time.monotonic() - began < 0.9

    def test_nobody_there_is_told(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(reached, "_TRIES", 1)
        with pytest.raises(Unanswered, match="could not be reached"):
            Endpoint("http://127.0.0.1:1/v1").ask("j", ASKED, 1)

    @pytest.mark.parametrize(
        ("url", "key"),
        [
            ("ftp://host/v1", ""),
            ("host/v1", ""),
            ("https://", ""),
            ("https://user:pass@host/v1", ""),
            ("https://host/v1?key=secret", ""),
            ("https://host:port/v1", ""),
            ("http://host/v1", "secret"),
            ("http://127.0.0.1.example.org/v1", "secret"),
        ],
    )
    def test_an_address_that_no_key_should_go_to_is_refused(self, url: str, key: str):
        with pytest.raises(InputError, match="address can't be used"):
            Endpoint(url, key)

    @pytest.mark.parametrize(
        "url", ["http://localhost:8000/v1", "http://[::1]/v1", "https://host/v1/"]
    )
    def test_one_may_ask_at_home_or_in_secret(self, url: str):
        Endpoint(url, "secret").close()


class TestPairs:
    def pairs(self, count: int) -> list[Pair]:
        return [Pair(ASKED, f"left {n}", f"right {n}") for n in range(count)]

    def test_positions_are_swapped(self):
        def ask(model: str, asked: Any, timeout: float) -> str:
            return "Verdict: A" if "Answer A\n-----\nleft" in asked[1]["content"] else "Verdict: B"

        [found] = judged(self.pairs(1), JUDGE, ask, lambda _: None)
        assert found == {"score": 1.0, "verdicts": ["A", "B"]}

    def test_who_always_says_a_is_not_believed(self):
        [found] = judged(self.pairs(1), JUDGE, lambda *_: "Verdict: A", lambda _: None)
        assert found["score"] == 0.5

    def test_equal_answers_need_no_judge(self):
        [found] = judged([Pair(ASKED, "x", "x")], JUDGE, never, lambda _: None)
        assert found["score"] == 0.5

    def test_what_is_judged_stays_when_the_rest_fails(self):
        def ask(model: str, asked: Any, timeout: float) -> str:
            if "left 1" in asked[1]["content"]:
                raise Unanswered("it did not answer within 5 s")
            return "nothing useful" if "left 2" in asked[1]["content"] else "Verdict: tie"

        found = judged(self.pairs(4), JUDGE, ask, lambda _: None)
        assert [each["score"] for each in found] == [0.5, None, None, 0.5]
        assert found[1]["unjudged"] == "it did not answer within 5 s"
        assert found[2]["unjudged"] == "its answer has no verdict"

    def test_a_judge_that_is_away_is_not_asked_a_thousand_times(self):
        asked: list[int] = []

        def ask(*_: Any) -> str:
            asked.append(1)
            raise Unanswered("it could not be reached")

        found = judged(self.pairs(1000), JUDGE, ask, lambda _: None)
        assert len(found) == 1000 and all(each["score"] is None for each in found)
        assert len(asked) < 20

    def test_it_stops_when_told(self):
        def stop(_: int) -> None:
            raise Stopped("stopped", "Stopped.")

        with pytest.raises(Stopped):
            judged(self.pairs(50), JUDGE, lambda *_: "Verdict: A", stop)


def never(*_: Any) -> str:
    raise AssertionError("nobody is asked")


class TestRun:
    @pytest.fixture
    def inputs(self, llama: Path, tmp_path: Path) -> dict[str, Path]:
        rows = '{"prompt": "Gold?", "completion": "Au"}\n{"prompt": "Tin?", "completion": "Sn"}\n'
        (tmp_path / "d.jsonl").write_text(rows)
        return {"m": llama, "n": tiny_llama(tmp_path / "n", seed=2), "d": tmp_path / "d.jsonl"}

    def spec(self, **judge: Any) -> EvaluateSpec:
        sets = [{"dataset": "d", "metric": "win_rate"}, {"dataset": "d"}]
        told = {"models": ["m", "n"], "test_sets": sets, "judge": {"model": "j", **judge}}
        return EvaluateSpec.model_validate(told)

    def test_a_model_wins_against_the_first(self, inputs: dict[str, Path], tmp_path: Path):
        out, options = tmp_path / "out", Options(ask=lambda *_: "Verdict: tie")
        result = run(self.spec(), inputs, out, Silent(), options)
        [score] = [each for each in result.scores if each.metric == "win_rate"]
        assert (score.model, score.value, score.examples) == ("n", 0.5, 2)
        rows = [json.loads(line) for line in (out / "examples-1-0.jsonl").open()]
        assert {"prompt", "expected", "answer", "other", "score", "verdicts"} <= rows[0].keys()

    def test_against_what_was_expected_every_model_is_judged(
        self, inputs: dict[str, Path], tmp_path: Path
    ):
        options = Options(ask=lambda *_: "Verdict: B")
        result = run(self.spec(against="expected"), inputs, tmp_path, Silent(), options)
        assert [each.model for each in result.scores if each.metric == "win_rate"] == ["m", "n"]

    def test_without_any_verdict_answers_and_other_scores_are_there(
        self, inputs: dict[str, Path], tmp_path: Path
    ):
        def away(*_: Any) -> str:
            raise Unanswered("it could not be reached")

        result = run(self.spec(), inputs, tmp_path / "out", Silent(), Options(ask=away))
        assert [each.metric for each in result.scores] == ["exact_match", "exact_match"]
        assert result.unjudged == 2
        rows = [json.loads(line) for line in (tmp_path / "out/examples-1-0.jsonl").open()]
        assert [row["unjudged"] for row in rows] == ["it could not be reached"] * 2

    def test_who_reaches_no_judge_says_so_before_anything_is_computed(
        self, inputs: dict[str, Path], tmp_path: Path
    ):
        with pytest.raises(InputError, match="none can be reached from here"):
            run(self.spec(), inputs, tmp_path / "out", Silent())
        assert not (tmp_path / "out").exists()

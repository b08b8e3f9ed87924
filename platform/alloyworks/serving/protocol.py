"""What requests may say, in OpenAI's words, and how they are refused.

Taken from https://platform.openai.com/docs/api-reference/chat: what both of our servers understand. What
they do not is refused by name, rather than ignored; what only describes the caller is ignored.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from alloyworks.errors import Problem

ANSWER_TOKENS = 1024  # unless the request says
_REFUSED = (
    *("audio", "function_call", "functions", "logit_bias", "logprobs", "modalities", "prediction"),
    *("response_format", "tool_choice", "tools", "top_logprobs", "web_search_options"),
)
Json = dict[str, Any]


class Refused(Exception):
    """Answered as OpenAI's libraries expect it."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.body: Json = {
            "error": {"message": message, "type": kind, "param": param, "code": code}
        }

    @classmethod
    def of(cls, problem: Problem) -> "Refused":
        found = cls(problem.status, problem.detail, problem.type)
        after = problem.headers().get("Retry-After")
        found.retry_after = int(after) if after else None
        return found


class Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str = Field(max_length=2_000_000)

    @field_validator("content", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        """A list of text parts is one text."""
        if not isinstance(given, list):
            return given
        texts = [part.get("text") if isinstance(part, dict) else None for part in given]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("only parts of the type text are understood")
        return "".join(map(str, texts))

    def plain(self) -> dict[str, str]:
        """Templates know no developer."""
        return {
            "role": "system" if self.role == "developer" else self.role,
            "content": self.content,
        }


class Streaming(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    model: str = Field(min_length=1, max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=2048)
    max_tokens: int | None = Field(None, ge=1, le=131_072)
    max_completion_tokens: int | None = Field(None, ge=1, le=131_072)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    stop: str | list[str] | None = Field(None, max_length=4)
    seed: int | None = None
    n: Literal[1] | None = None
    stream: bool = False
    stream_options: Streaming | None = None

    @classmethod
    def read(cls, raw: Any) -> "ChatRequest":
        """Raises Refused."""
        if isinstance(raw, dict):
            for name in _REFUSED:
                if raw.get(name) not in (None, [], {}, False):
                    raise Refused(400, f"{name} is not understood here.", "unsupported", name)
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise Refused(
                400, f"{place or 'The body'}: {first['msg']}", "invalid", place or None
            ) from None

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    def asks(self, messages: list[dict[str, str]], stream: bool) -> Json:
        """What a server is sent. It has one model, which need not be named."""
        told = {
            "messages": messages,
            "max_tokens": self.max_completion_tokens or self.max_tokens or ANSWER_TOKENS,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "frequency_penalty": self.frequency_penalty,
            "stop": self.stop,
            "seed": self.seed,
            "stream": stream,
        }
        return {name: value for name, value in told.items() if value is not None}

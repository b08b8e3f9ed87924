"""Chat templates of a merge: the named ones render as their formats are documented."""

import json
from pathlib import Path

import pytest

from alloyengine.errors import InputError
from alloyengine.merge.tokenizer.chat import check_template, choose_template, save_template
from tests.engine.tiny_tokenizers import folder, load, plain

SYSTEM = {"role": "system", "content": "Be brief."}
TALK = [
    {"role": "user", "content": "Hello, how are you?"},
    {"role": "assistant", "content": "Fine, and you?"},
    {"role": "user", "content": "I'm doing great!"},
]
LITERAL = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"


def rendered(tmp_path: Path, name: str, *messages: dict[str, str], prompt: bool = True) -> str:
    path = folder(tmp_path / name, plain([]), bos_token="<s>", eos_token="</s>")
    template = choose_template(name, {}, None)
    assert template is not None
    save_template(template, path)
    text = load(path).apply_chat_template(
        list(messages), tokenize=False, add_generation_prompt=prompt
    )
    return str(text)


def test_chatml_marks_every_message_and_its_role(tmp_path: Path) -> None:
    assert rendered(tmp_path, "chatml", SYSTEM, *TALK) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nHello, how are you?<|im_end|>\n"
        "<|im_start|>assistant\nFine, and you?<|im_end|>\n"
        "<|im_start|>user\nI'm doing great!<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_llama3_puts_the_role_into_a_header(tmp_path: Path) -> None:
    assert rendered(tmp_path, "llama3", SYSTEM, *TALK) == (
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHello, how are you?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nFine, and you?<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nI'm doing great!<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_mistral_is_laid_out_as_for_its_first_tokenizer(tmp_path: Path) -> None:
    assert rendered(tmp_path, "mistral", *TALK) == (
        "<s> [INST] Hello, how are you? [/INST] Fine, and you?</s> [INST] I'm doing great! [/INST]"
    )


def test_mistral_puts_the_system_prompt_before_the_first_question(tmp_path: Path) -> None:
    begin = "<s> [INST] Be brief.\n\nHello, how are you? [/INST] Fine, and you?</s> [INST] I'm"
    assert rendered(tmp_path, "mistral", SYSTEM, *TALK).startswith(begin)


def test_mistral_refuses_a_role_it_has_no_place_for(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no messages of the role tool"):
        rendered(tmp_path, "mistral", {"role": "tool", "content": "4"})


def test_alpaca_begins_with_the_sentence_it_was_trained_on(tmp_path: Path) -> None:
    assert rendered(tmp_path, "alpaca", *TALK) == (
        "Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nHello, how are you?\n\n"
        "### Response:\nFine, and you?</s>\n\n"
        "### Instruction:\nI'm doing great!\n\n"
        "### Response:\n"
    )


def test_alpaca_lets_a_system_prompt_replace_that_sentence(tmp_path: Path) -> None:
    text = rendered(tmp_path, "alpaca", SYSTEM, TALK[0])
    assert text == "Be brief.\n\n### Instruction:\nHello, how are you?\n\n### Response:\n"


def test_exaone_has_a_system_turn_even_if_it_is_empty(tmp_path: Path) -> None:
    assert rendered(tmp_path, "exaone", *TALK) == (
        "[|system|][|endofturn|]\n"
        "[|user|]Hello, how are you?\n"
        "[|assistant|]Fine, and you?[|endofturn|]\n"
        "[|user|]I'm doing great!\n"
        "[|assistant|]"
    )


def test_exaone_takes_the_system_prompt_that_is_given(tmp_path: Path) -> None:
    text = rendered(tmp_path, "exaone", SYSTEM, TALK[0])
    assert text == ("[|system|]Be brief.[|endofturn|]\n[|user|]Hello, how are you?\n[|assistant|]")


@pytest.mark.parametrize("name", ["alpaca", "chatml", "exaone", "llama3"])
def test_without_a_generation_prompt_nobody_is_asked_to_speak(tmp_path: Path, name: str) -> None:
    asked = rendered(tmp_path, name, SYSTEM, *TALK)
    text = rendered(tmp_path / "quiet", name, SYSTEM, *TALK, prompt=False)
    assert asked.startswith(text)
    assert asked.removeprefix(text).strip()


@pytest.mark.parametrize("name", ["alpaca", "llama3", "mistral"])
def test_a_tokenizer_without_bos_and_eos_is_no_obstacle(tmp_path: Path, name: str) -> None:
    path = folder(tmp_path / "bare", plain([]))
    save_template(str(choose_template(name, {}, None)), path)
    assert "None" not in str(load(path).apply_chat_template(TALK, tokenize=False))


def test_a_literal_template_is_kept_to_the_letter(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", plain([]))
    save_template(str(choose_template(LITERAL, {}, None)), path)
    assert (path / "chat_template.jinja").read_text() == LITERAL
    assert load(path).apply_chat_template(TALK[:1], tokenize=False) == "<user>Hello, how are you?"


def test_there_is_one_template_when_a_new_one_has_been_saved(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", plain([]), chat_template="{# the older one #}{{ messages }}")
    (path / "chat_template.json").write_text('{"chat_template": "older still"}')
    save_template(LITERAL, path)
    assert "chat_template" not in json.loads((path / "tokenizer_config.json").read_text())
    assert not (path / "chat_template.json").exists()
    assert load(path).chat_template == LITERAL


def test_the_line_that_is_not_jinja_is_named() -> None:
    with pytest.raises(InputError, match=r"line 2.*endfo"):
        check_template("{% for m in messages %}\n{{ m }}{% endfo %}")


def test_what_is_nested_without_end_is_refused() -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        check_template("{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}")


def test_what_transformers_adds_to_jinja_is_known() -> None:
    check_template(
        "{% for m in messages %}{% generation %}{{ m }}{% endgeneration %}{% break %}{% endfor %}"
    )


def models(tmp_path: Path, **templates: str) -> dict[str, Path]:
    return {
        name: folder(tmp_path / name, plain([]), chat_template=template)
        for name, template in templates.items()
    }


def test_auto_is_the_template_that_most_models_have(tmp_path: Path) -> None:
    folders = models(tmp_path, a="{{ 1 }}", b="{{ 2 }}", c="{{ 2 }}\n")
    assert choose_template("auto", folders, "a") == "{{ 2 }}"


def test_auto_prefers_the_base_when_two_are_equally_frequent(tmp_path: Path) -> None:
    folders = models(tmp_path, a="{{ 1 }}", b="{{ 2 }}")
    assert choose_template("auto", folders, "b") == "{{ 2 }}"
    assert choose_template("auto", folders, None) == "{{ 1 }}"


def test_auto_reads_the_files_that_transformers_reads(tmp_path: Path) -> None:
    named = [{"name": "tools", "template": "{{ 3 }}"}, {"name": "default", "template": "{{ 4 }}"}]
    path = folder(tmp_path / "a", plain([]), chat_template=named)
    assert choose_template("auto", {"a": path}, None) == "{{ 4 }}"
    (path / "chat_template.jinja").write_text("{{ 5 }}")
    assert choose_template("auto", {"a": path}, None) == "{{ 5 }}"


def test_auto_finds_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    assert choose_template("auto", {"a": folder(tmp_path / "a", plain([]))}, "a") is None


def test_a_template_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "a", plain([]))
    (path / "chat_template.jinja").write_bytes(b"\xff\xfe{{ }}")
    with pytest.raises(InputError, match="not UTF-8"):
        choose_template("auto", {"a": path}, None)

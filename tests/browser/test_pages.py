"""Everything by hand: the main job from sign-up to comparison, what goes wrong, every page once.

One module, so that its stack and its browser end with it (see conftest.py).
"""

import hashlib
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from alloyworks.embedded import stack
from tests.browser.visitor import Visitor
from tests.stacks import BASE, import_base

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PASSWORD = "correct horse battery"
OPEN = ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
MEMBERS = [
    "/",
    "/jobs/",
    "/jobs/new/train/",
    "/jobs/new/merge/",
    "/jobs/new/evaluate/",
    "/models/",
    "/datasets/",
    "/datasets/new/",
    "/compare/",
    "/endpoints/",
    "/usage/",
    "/accounts/members/",
    "/accounts/keys/",
    "/accounts/password/change/",
    "/api/v1/docs",
]
SYMBOLS = {"gold": "Au", "iron": "Fe", "tin": "Sn", "lead": "Pb", "silver": "Ag"}
RECIPE = f"""\
merge_method: ties
base_model: {BASE}
models:
- model: math
- model: code
parameters: {{weight: 1, density: 0.5}}
"""
ROWS = [
    {
        "messages": [
            {"role": "user", "content": f"{how} {name}?"},
            {"role": "assistant", "content": symbol},
        ],
        "split": split,
    }
    for how, split in [("Symbol of", "train"), ("What is", "train"), ("And", "test")]
    for name, symbol in SYMBOLS.items()
]
PAIRS = [
    {
        "prompt": f"{how} {name}?",
        "chosen": symbol,
        "rejected": "<script>no</script>",
        "split": split,
    }
    for how, split in [("Symbol of", "train"), ("And", "test")]
    for name, symbol in SYMBOLS.items()
]


def lines(rows: list[dict[str, object]]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def test_from_sign_up_to_a_comparison(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_up("Acme", "alice@acme.example", PASSWORD)
    visitor.look("first-steps")

    visitor.upload("symbols", lines(ROWS))
    expect(page.get_by_role("heading", name="symbols")).to_be_visible()
    visitor.look("dataset")

    page.get_by_role("link", name="Train on this").click()
    visitor.choose("Model", BASE)
    page.get_by_label("Modules to train", exact=True).fill("50")
    visitor.look("new-train")
    page.get_by_role("button", name="Start training").click()
    visitor.finished()
    expect(page.locator("#curves canvas").first).to_be_visible()
    expect(page.locator("#snr [data-map]")).not_to_be_empty()
    visitor.look("job-train")

    page.get_by_role("link", name="Open the model").click()
    expect(page.get_by_role("heading", name="symbols")).to_be_visible()
    visitor.look("model")
    told = page.locator("tr", has_text="model.safetensors")
    with page.expect_download() as caught:
        told.get_by_role("link", name="Download").click()
    content = caught.value.path().read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert digest[:12] in told.inner_html()

    page.get_by_role("link", name="Evaluate").first.click()
    page.get_by_label(BASE).check()
    visitor.choose("Test set", "symbols")
    visitor.look("new-evaluate")
    page.get_by_role("button", name="Start evaluating").click()
    visitor.finished()
    expect(page.get_by_role("heading", name="Scores")).to_be_visible()
    visitor.look("job-evaluate")

    page.get_by_role("link", name="Compare", exact=True).last.click()
    expect(page.get_by_role("heading", name="Compare")).to_be_visible()
    visitor.look("compare")


def test_an_endpoint_is_made_and_asked(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_up("Askers", "ann@askers.example", PASSWORD)
    page.goto("/endpoints/")
    page.get_by_label("Name", exact=True).fill("tiny")
    visitor.choose("Model", BASE)
    visitor.look("new-endpoint")
    page.get_by_role("button", name="Make the endpoint").click()
    expect(page.get_by_role("heading", name="tiny")).to_be_visible()

    page.get_by_label("Your message").fill("Symbol of gold?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("[data-told]")).to_contain_text("tokens", timeout=120_000)
    expect(page.locator(".turn")).to_have_count(2)
    page.reload()
    expect(page.locator("#endpoint-state")).to_contain_text("It answers since")
    expect(page.get_by_role("table")).to_contain_text("1")
    visitor.look("endpoint")
    page.get_by_role("button", name="Put it to sleep").click()
    expect(page.locator("#endpoint-state")).to_contain_text("The next request wakes it")


def test_a_recipe_is_examined_as_it_is_typed_and_its_models_compared(
    visitor: Visitor, up: stack.Running, tmp_path: Path
) -> None:
    for seed, name in enumerate(("math", "code"), start=2):
        import_base(up, tmp_path, name, seed)
    page = visitor.page
    visitor.sign_up("Mergers", "mia@mergers.example", PASSWORD)
    page.goto("/jobs/new/merge/")
    page.get_by_label("Method", exact=True).select_option("ties")
    expect(page.get_by_role("combobox", name="Base model")).to_be_visible()
    visitor.look("new-merge-ties")

    page.get_by_role("button", name="YAML", exact=True).click()
    text = page.get_by_label("Recipe in mergekit's YAML format")
    text.fill(RECIPE.replace("code", "coed"))
    finding = page.locator("#report .finding[data-level=error]")
    expect(finding).to_contain_text("There is no model 'coed'. Did you mean 'code'?")
    expect(page.locator(".gutter > [data-level=error]")).to_have_text("5")
    visitor.look("new-merge-yaml-wrong")
    finding.get_by_role("link", name="Line 5").click()
    expect(text).to_be_focused()
    assert page.evaluate("getSelection().toString()").strip() == "- model: coed"

    text.fill(RECIPE)
    expect(page.locator("#report")).to_contain_text("Ready to start")
    expect(page.locator("#method-told")).to_contain_text("TIES")
    visitor.look("new-merge-yaml")
    page.get_by_role("button", name="Start merging").click()
    visitor.finished()
    cell = page.get_by_label("Layer 0, self_attn.q_proj")
    expect(cell).to_be_visible()
    page.get_by_role("button", name="Sign conflict").click()
    cell.press("ArrowRight")
    told = page.locator("#interference .map-told")
    expect(told).to_have_text(re.compile(r"Layer 1, self_attn\.q_proj: \d"))
    visitor.look("job-merge")


def test_preferences_are_looked_at_before_they_are_learned(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_up("Tasters", "tom@tasters.example", PASSWORD)
    visitor.upload("pairs", lines(PAIRS))
    expect(page.get_by_role("heading", name="pairs")).to_be_visible()
    page.goto("/jobs/new/train/")
    page.get_by_role("radio", name="Preferences").check()
    expect(page.get_by_label("Beta")).to_have_value("0.1")
    page.get_by_role("radio", name="LoRA").first.check()
    expect(page.get_by_label("Rank", exact=True)).to_have_value("16")
    expect(page.get_by_label("Modules to train", exact=True)).to_have_count(0)
    visitor.choose("Model", BASE)
    visitor.choose("Dataset", "pairs")

    page.get_by_label("Longest example").fill("8")
    page.get_by_role("button", name="Show examples").click()
    expect(page.get_by_text("Nothing would be learned.")).to_be_visible(timeout=60_000)
    visitor.look("new-train-alarm")
    page.get_by_label("Longest example").fill("64")
    page.get_by_label("Longest example").blur()
    expect(page.get_by_text("Nothing would be learned.")).to_have_count(0)
    page.get_by_role("button", name="Show").click()
    rejected = page.get_by_role("group", name="Row 1, rejected")
    expect(rejected.locator("mark")).to_have_text("<script>no</script><|im_end|>", timeout=60_000)
    visitor.look("new-train-preferences")

    page.get_by_label("Held out").fill("0.4")
    page.get_by_label("Batch size").fill("1")
    page.get_by_role("button", name="Start training").click()
    visitor.finished()
    panels = page.locator("#curves figcaption")
    expect(panels.filter(has_text="Preference accuracy")).to_have_text(re.compile(r"\d+%"))
    expect(panels.filter(has_text="Tokens a second")).to_be_visible()
    expect(page.locator("[data-value=held]")).to_have_text(re.compile(r"^\d"))
    visitor.look("job-preferences")

    page.get_by_role("link", name="Clone and edit").click()
    expect(page.get_by_role("radio", name="Preferences")).to_be_checked()
    expect(page.get_by_label("Held out")).to_have_value("0.4")


def test_a_broken_line_is_told_beside_the_file(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_up("Broken", "bea@broken.example", PASSWORD)
    broken = [json.dumps({"prompt": "a", "completion": "b"})] * 6 + ['{"prompt": "a"']

    visitor.upload("broken", "\n".join(broken))

    expect(page.get_by_text("is not JSON")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("7")
    visitor.look("dataset-refused")
    visitor.complaints.clear()  # the browser itself tells of the 422
    page.goto("/datasets/")
    expect(page.get_by_role("main")).not_to_contain_text("broken")


def test_a_wrong_form_says_so_beside_its_field(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_up("Wrong", "willa@wrong.example", PASSWORD)
    page.goto("/jobs/new/train/")

    page.get_by_role("button", name="Start training").click()

    expect(page.get_by_role("alert")).to_be_visible()
    visitor.look("new-train-refused")
    visitor.complaints = [c for c in visitor.complaints if "422" not in c]


def test_a_running_job_is_cancelled_from_its_page(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_up("Stop", "sam@stop.example", PASSWORD)
    visitor.upload("symbols", lines(ROWS * 50))  # enough for many minutes
    page.get_by_role("link", name="Train on this").click()
    visitor.choose("Model", BASE)
    page.get_by_label("Modules to train", exact=True).fill("50")
    page.get_by_label("Epochs").fill("100")
    page.get_by_label("Batch size").fill("1")
    page.get_by_role("button", name="Start training").click()
    visitor.finished("running", seconds=120)

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()

    visitor.finished("cancelled", seconds=60)
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    visitor.look("job-cancelled")


def shot(prefix: str, path: str) -> str:
    return f"{prefix}-{path.strip('/').replace('/', '-') or 'home'}"


def test_pages_for_everybody(visitor: Visitor) -> None:
    for path in OPEN:
        visitor.page.goto(path)
        visitor.look(shot("open", path))


def test_pages_for_members(visitor: Visitor) -> None:
    visitor.sign_up("Everywhere", "eve@every.example", "correct horse battery")
    for path in MEMBERS:
        visitor.page.goto(path, wait_until="networkidle")
        visitor.look(shot("member", path))


def test_a_page_that_is_not_there_says_so(visitor: Visitor) -> None:
    answer = visitor.page.goto("/nowhere/")
    assert answer is not None
    assert answer.status == 404
    visitor.look("not-found")
    visitor.complaints.clear()  # the browser itself tells of the 404

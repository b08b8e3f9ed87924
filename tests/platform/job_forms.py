"""Forms of new jobs as the tests fill them in, send them off and read them."""

import re
from html import unescape
from typing import Any

from django.http import HttpResponse
from django.test import Client

from alloyworks.jobs.models import Job
from tests.platform.world import World

Fields = dict[str, Any]


def train_fields(world: World, **changes: Any) -> Fields:
    return {
        "name": "",
        "model": str(world.base.id),
        "dataset": str(world.chats.id),
        "tuning.method": "spectrum",
        "tuning.percent": "25",
        "tuning.train_embeddings": "true",
    } | changes


def merge_fields(world: World, method: str = "linear", **changes: Any) -> Fields:
    return {
        "mode": "form",
        "recipe.merge_method": method,
        "recipe.models.0.model": str(world.base.id),
        "recipe.models.0.parameters.weight": "0.3",
        "recipe.models.1.model": str(world.tuned.id),
        "recipe.models.1.parameters.weight": "0.7",
    } | changes


def evaluate_fields(world: World, **changes: Any) -> Fields:
    return {
        "models": [str(world.base.id), str(world.tuned.id)],
        "test_sets.0.dataset": str(world.chats.id),
        "test_sets.0.metric": "exact_match",
    } | changes


def made(browser: Client, kind: str, fields: Fields) -> Job:
    """The job that the form made; its page comes next."""
    answer = browser.post(f"/jobs/new/{kind}/", fields)
    assert answer.status_code == 302, beside(answer)
    job = Job.objects.get(id=answer["Location"].split("/")[2])
    assert answer["Location"] == f"/jobs/{job.id}/"
    return job


def refused(browser: Client, kind: str, fields: Fields) -> dict[str, str]:
    """What the page says beside each input."""
    answer = browser.post(f"/jobs/new/{kind}/", fields)
    assert answer.status_code == 422
    assert not Job.objects.exists()
    return beside(answer)


def beside(answer: HttpResponse) -> dict[str, str]:
    """The words of the faults by the name of the input that they stand beside."""
    page, found = answer.content.decode(), {}
    for field in re.split(r'<div class="field[ "]', page)[1:]:
        name = re.search(r' name="([^"]+)"', field)
        fault = re.search(r'<ul class="faults"[^>]*>(.*?)</ul>', field, re.DOTALL)
        if name and fault:
            words = unescape(re.sub(r"<[^>]+>", " ", fault[1]))
            found[name[1]] = " ".join(words.split())
    return found


def shown(client: Client, path: str) -> dict[str, str]:
    """What the form's inputs hold: text, the chosen option, the boxes that are ticked."""
    page = client.get(path).content.decode()
    return values_of(page)


def values_of(page: str) -> dict[str, str]:
    form = page[page.index('id="job-form"') :]
    found = dict(re.findall(r'<input [^>]*name="([^"]+)" value="([^"]*)"(?! type)', form))
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    found |= dict(
        re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
    )
    for name, options in re.findall(
        r'<select [^>]*name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL
    ):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected', options)
        found[name] = chosen[1] if chosen else ""
    ticked = re.findall(
        r'<input [^>]*type="(?:checkbox|radio)" [^>]*name="([^"]+)" value="([^"]*)" ?checked', form
    )
    boxes = re.findall(r'type="(?:checkbox|radio)" [^>]*name="([^"]+)"', form)
    plain = {name: text for name, text in found.items() if name not in boxes}
    return {n: unescape(v) for n, v in (plain | hidden).items()} | dict(ticked)

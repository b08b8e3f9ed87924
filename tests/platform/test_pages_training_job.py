"""What a training job's page says beside its curves."""

import re

from django.test import Client

from alloyworks.jobs.models import JobState
from tests.platform.test_pages_jobs import page_of
from tests.platform.world import World


def test_what_it_will_take_is_told(world: World, browser: Client) -> None:
    estimate = {"seconds": 754.2, "steps": 120, "peak": 2_840_000_000}
    with world.scope():
        job = world.job(state=JobState.RUNNING, reports={"estimate": estimate})

    page = page_of(browser, job)

    assert "about 12 min 34 s" in page
    assert "120 steps, 2.84 GB of memory" in page


def test_what_was_forgotten_is_a_table(world: World, browser: Client) -> None:
    places = [(0, 2.2, 5.2, 1.0, 0.0), (0.5, 2.21, 0.08, 0.96, 0.985), (1, 2.4, 0.01, 0.0, 1.0)]
    names = ("weight", "general_loss", "task_loss", "recovered", "kept")
    rows = [dict(zip(names, place, strict=True)) for place in places]
    told = {"summary": "<b>Half</b> is back.", "best": 0.5, "merged_back": True, "rows": rows}
    with world.scope():
        job = world.job(state=JobState.SUCCEEDED, reports={"forgetting": told})

    page = page_of(browser, job)

    assert "&lt;b&gt;Half&lt;/b&gt; is back. The model is the one at that place." in page
    assert page.count('<tr aria-current="true">') == 1
    assert re.search(
        r"0\.500 <strong>best</strong>.*?2\.2100.*?0\.0800.*?96%.*?98%", page, re.DOTALL
    )

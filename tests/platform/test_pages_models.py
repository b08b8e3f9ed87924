"""The pages of models: listed, looked at with family and scores, downloaded, deleted."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import evaluations
from alloyworks.catalog.models import ModelVersion
from alloyworks.tenancy import scope
from tests.platform.catalog_cast import base_model, make_dataset, make_job, make_model, score
from tests.platform.world import SMALL

BrowserOf = Callable[[Principal], Client]
Commits = Callable[..., AbstractContextManager[object]]
FILES = [{"path": "model.safetensors", "size": 269_000_000, "sha256": "ab" * 32}]


def html(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


@pytest.fixture
def family(alice: Principal) -> dict[str, ModelVersion]:
    """A base, two specialists of it, their merge, and what was trained from that."""
    with scope(alice.organisation.id):
        base = make_model(alice, name="root", facts=SMALL)
        one, two = (make_model(alice, base, name=name, facts=SMALL) for name in ("one", "two"))
        facts = SMALL | {"licence": "apache-2.0"}
        both = make_model(alice, one, two, name="both", origin="merge", facts=facts, files=FILES)
        child = make_model(alice, both, name="child", facts=SMALL)
    return {"root": base, "one": one, "two": two, "both": both, "child": child}


def path_of(model: ModelVersion) -> str:
    return f"/models/{model.id}/"


class TestPage:
    def test_it_says_facts_and_files(
        self, browser_of: BrowserOf, alice: Principal, family: dict[str, ModelVersion]
    ) -> None:
        page = html(browser_of(alice), path_of(family["both"]))

        assert "LlamaForCausalLM" in page and "135M" in page and "49,152" in page
        assert "apache-2.0" in page
        assert "269 MB" in page and "abababababababab…" in page

    def test_its_whole_family_is_drawn_with_links(
        self, browser_of: BrowserOf, alice: Principal, family: dict[str, ModelVersion]
    ) -> None:
        page = html(browser_of(alice), path_of(family["both"]))
        tree = page[page.index('class="family') : page.index("</svg>", page.index('class="family'))]

        linked = {key for key, model in family.items() if f'href="{path_of(model)}"' in tree}
        assert linked == set(family)
        assert tree.count('class="edge"') == 5
        assert re.search(rf'href="{path_of(family["both"])}" aria-current="page"', tree)

    def test_a_model_alone_has_no_family(self, browser_of: BrowserOf, alice: Principal) -> None:
        with scope(alice.organisation.id):
            model = make_model(alice)

        assert 'class="family' not in html(browser_of(alice), path_of(model))

    def test_its_scores_stand_beside_its_parents(
        self, browser_of: BrowserOf, alice: Principal, family: dict[str, ModelVersion]
    ) -> None:
        with scope(alice.organisation.id):
            dataset, job = make_dataset(alice, name="exam"), make_job(alice)
            scores = [score("both", "exam", 0.9), score("one", "exam", 0.4)]
            evaluations.record(job, scores, family, {"exam": dataset})
        page = html(browser_of(alice), path_of(family["both"]))

        assert "90.0%" in page and "40.0%" in page and "+50.0 pp" in page
        assert "exam" in page
        assert "Not measured yet" in html(browser_of(alice), path_of(family["child"]))

    def test_one_may_go_on_with_it(
        self, browser_of: BrowserOf, alice: Principal, family: dict[str, ModelVersion]
    ) -> None:
        page = html(browser_of(alice), path_of(family["both"]))

        for kind in ("train", "merge", "evaluate"):
            assert f'href="/jobs/new/{kind}/?model={family["both"].id}"' in page

    def test_a_viewer_sees_it_and_no_button(
        self, browser_of: BrowserOf, vera: Principal, family: dict[str, ModelVersion]
    ) -> None:
        viewer, path = browser_of(vera), path_of(family["both"])
        page = html(viewer, path) + html(viewer, "/models/")

        for forbidden in ("/jobs/new/", "Delete", f"{path}files/"):
            assert forbidden not in page
        assert viewer.get(f"{path}files/model.safetensors").status_code == 403
        assert viewer.post(f"{path}delete/").status_code == 403

    def test_other_tenants_see_none_of_it(
        self, browser_of: BrowserOf, charlie: Principal, family: dict[str, ModelVersion]
    ) -> None:
        stranger, path = browser_of(charlie), path_of(family["both"])

        assert stranger.get(path).status_code == 404
        assert stranger.get(f"{path}files/model.safetensors").status_code == 404
        assert stranger.post(f"{path}delete/").status_code == 404

    def test_a_file_is_fetched_from_storage(
        self, browser_of: BrowserOf, alice: Principal, family: dict[str, ModelVersion]
    ) -> None:
        answer = browser_of(alice).get(f"{path_of(family['both'])}files/model.safetensors")

        assert answer.status_code == 302
        assert "both%2520v1-model.safetensors" in answer["Location"]

    def test_it_is_deleted(
        self,
        browser_of: BrowserOf,
        alice: Principal,
        family: dict[str, ModelVersion],
        django_capture_on_commit_callbacks: Commits,
    ) -> None:
        browser = browser_of(alice)
        with django_capture_on_commit_callbacks(execute=True):
            answer = browser.post(f"{path_of(family['child'])}delete/", follow=True)

        assert "The model child v1 is deleted." in answer.content.decode()
        assert browser.get(path_of(family["child"])).status_code == 404

    @pytest.mark.usefixtures("committed_db")
    def test_base_models_are_the_operators(self, browser_of: BrowserOf, alice: Principal) -> None:
        base = base_model()
        browser = browser_of(alice)

        assert "Delete" not in html(browser, path_of(base))
        refused = browser.post(f"{path_of(base)}delete/", follow=True).content.decode()
        assert "Base models belong to everyone here" in refused

    def test_a_large_family_takes_no_more_queries(
        self, browser_of: BrowserOf, alice: Principal, family: dict[str, ModelVersion]
    ) -> None:
        browser = browser_of(alice)

        def queries(model: ModelVersion) -> int:
            with CaptureQueriesContext(
                connection,
            ) as found:
                html(browser, path_of(model))
            return len(found)

        queries(family["both"])  # the first page of a session notes where it came from
        few = queries(family["both"])
        with scope(alice.organisation.id):
            for _ in range(20):
                make_model(alice, family["both"])
        assert queries(family["both"]) == few


class TestList:
    def names(self, client: Client, query: str = "") -> list[str]:
        return re.findall(
            r'<th scope="row"><a [^>]+>(.+?) v1</a>', html(client, f"/models/{query}")
        )

    def test_models_are_listed_newest_first_by_origin(
        self, browser_of: BrowserOf, alice: Principal, family: dict[str, ModelVersion]
    ) -> None:
        browser = browser_of(alice)

        assert self.names(browser) == ["child", "both", "two", "one", "root"]
        assert self.names(browser, "?origin=merge") == ["both"]
        assert len(self.names(browser, "?origin=nonsense")) == 5

    def test_the_parents_of_a_model_are_named(
        self, browser_of: BrowserOf, alice: Principal, family: dict[str, ModelVersion]
    ) -> None:
        page = html(browser_of(alice), "/models/?origin=merge")

        assert f'href="{path_of(family["one"])}">one v1</a>' in page

    def test_the_filter_stays_on_the_next_page(
        self, browser_of: BrowserOf, alice: Principal
    ) -> None:
        with scope(alice.organisation.id):
            for _ in range(26):
                make_model(alice)

        assert re.search(
            r'href="\?origin=train&amp;cursor=', html(browser_of(alice), "/models/?origin=train")
        )

    @pytest.mark.parametrize("query", ["", "?origin=merge", "?origin=base"])
    def test_a_list_without_models_says_what_to_do(
        self, browser_of: BrowserOf, alice: Principal, query: str
    ) -> None:
        assert re.search(
            "No models yet|None of these yet", html(browser_of(alice), f"/models/{query}")
        )

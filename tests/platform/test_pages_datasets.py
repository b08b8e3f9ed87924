"""The pages of datasets: listed, uploaded, looked at, counted, downloaded, deleted."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Dataset
from alloyworks.ids import new_id
from alloyworks.jobs.models import JobInput
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from tests.platform import nobodys
from tests.platform.catalog_cast import make_dataset, make_job, make_model
from tests.platform.test_catalog_tokens import with_file, word_tokenizer

BrowserOf = Callable[[Principal], Client]
Commits = Callable[..., AbstractContextManager[object]]
CHAT = [{"role": "user", "content": "Symbol of gold?"}, {"role": "assistant", "content": "Au"}]
ROWS = "".join(json.dumps({"messages": CHAT}) + "\n" for _ in range(30))


def upload(client: Client, content: str = ROWS, **fields: Any) -> Any:
    file = SimpleUploadedFile("gold.jsonl", content.encode())
    return client.post(
        "/datasets/new/", {"name": "gold", "test_percent": 20, "file": file} | fields
    )


def html(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


@pytest.fixture
def gold(browser_of: BrowserOf, alice: Principal) -> str:
    """The path of an uploaded dataset's page."""
    made = upload(browser_of(alice))
    assert made.status_code == 302
    return str(made["Location"])


class TestUpload:
    def test_an_upload_leads_to_the_dataset(self, gold: str, client: Client) -> None:
        page = html(client, gold)

        assert "<h1>gold</h1>" in page
        assert "Chat messages" in page
        assert page.count("Symbol of gold?") == 20  # the preview

    def test_broken_lines_are_told_one_by_one(self, browser_of: BrowserOf, bob: Principal) -> None:
        broken = ROWS + '{"messages": []}\n' + "{\n"
        answer = upload(browser_of(bob), broken)
        page = answer.content.decode()

        assert answer.status_code == 422
        assert "The file has 2 faults; nothing of it was stored." in page
        assert '<td class="num">31</td><td class="mono">messages</td><td>is empty</td>' in page
        assert '<td class="num">32</td>' in page
        with scope(bob.organisation.id):
            assert not Dataset.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"name": ""}, "This field is required."),
            ({"name": "a\tb"}, "holds unprintable characters"),
            ({"test_percent": 101}, "101 is no percentage. Use 0 to 100."),
            ({"test_percent": "many"}, "Enter a whole number."),
            ({"file": ""}, "This field is required."),
        ],
    )
    def test_a_wrong_field_is_told_beside_it(
        self, browser_of: BrowserOf, bob: Principal, fields: dict[str, Any], words: str
    ) -> None:
        answer = upload(browser_of(bob), **fields)

        assert answer.status_code == 422
        assert re.search(f"<li>[^<]*{words}", answer.content.decode())

    def test_an_empty_file_is_refused(self, browser_of: BrowserOf, bob: Principal) -> None:
        answer = upload(browser_of(bob), "")

        assert answer.status_code == 422
        assert 'data-fault="file"><li>' in answer.content.decode()

    def test_what_was_typed_stays_when_something_is_wrong(
        self, browser_of: BrowserOf, bob: Principal
    ) -> None:
        page = upload(browser_of(bob), "{\n", name="mine", test_percent=33).content.decode()

        assert 'value="mine"' in page and 'value="33"' in page


class TestPage:
    def test_other_tenants_see_none_of_it(
        self, gold: str, browser_of: BrowserOf, charlie: Principal
    ) -> None:
        stranger = Client()
        stranger.force_login(charlie.user)

        for path in (gold, f"{gold}tokens/?model={new_id()}", f"{gold}files/train.jsonl"):
            assert stranger.get(path).status_code == 404
        assert stranger.post(f"{gold}delete/").status_code == 404
        assert "gold" not in html(stranger, "/datasets/")

    def test_a_viewer_sees_it_and_no_button(self, gold: str, vera: Principal) -> None:
        viewer = Client()
        viewer.force_login(vera.user)
        page = html(viewer, gold)

        assert "Symbol of gold?" in page
        for forbidden in ("Delete", "Train on this", "files/train.jsonl", "/datasets/new/"):
            assert forbidden not in page + html(viewer, "/datasets/")
        assert viewer.get(f"{gold}files/train.jsonl").status_code == 403
        assert viewer.post(f"{gold}delete/").status_code == 403

    def test_one_may_train_and_evaluate_on_it(self, gold: str, client: Client) -> None:
        key = gold.split("/")[2]
        page = html(client, gold)

        assert f'href="/jobs/new/train/?dataset={key}"' in page
        assert f'href="/jobs/new/evaluate/?dataset={key}"' in page

    def test_a_file_is_fetched_from_storage(self, gold: str, client: Client) -> None:
        answer = client.get(f"{gold}files/train.jsonl")

        assert answer.status_code == 302
        assert "Signature=" in answer["Location"]
        assert client.get(f"{gold}files/no.jsonl").status_code == 404

    def test_it_is_deleted_with_its_files(
        self,
        gold: str,
        client: Client,
        alice: Principal,
        django_capture_on_commit_callbacks: Commits,
    ) -> None:
        with scope(alice.organisation.id):
            dataset = Dataset.objects.get()
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(f"{gold}delete/", follow=True)

        assert "The dataset gold is deleted." in answer.content.decode()
        assert client.get(gold).status_code == 404
        assert (
            objects.stat(f"orgs/{alice.organisation.id}/datasets/{dataset.id}/train.jsonl") is None
        )

    def test_what_a_job_needs_is_not_deleted_and_the_page_says_why(
        self, gold: str, client: Client, alice: Principal
    ) -> None:
        with scope(alice.organisation.id):
            job, dataset = make_job(alice, name="needy"), Dataset.objects.get()
            JobInput.objects.create(
                organisation=alice.organisation, job=job, reference="d", dataset=dataset
            )
        answer = client.post(f"{gold}delete/", follow=True)

        assert "is used by the job &#x27;needy&#x27;" in answer.content.decode()


class TestLengths:
    def test_examples_are_counted_for_the_chosen_model(
        self, gold: str, client: Client, alice: Principal
    ) -> None:
        with scope(alice.organisation.id):
            model = with_file(alice, word_tokenizer().to_str().encode())
        before = html(client, gold)
        counted = html(client, f"{gold}tokens/?model={model.id}")

        assert 'hx-trigger="load, change"' in before and f'value="{model.id}"' in before
        assert "30 examples" in counted and '<rect class="bar"' in counted
        after = html(client, gold)
        assert 'hx-trigger="change"' in after and '<rect class="bar"' in after

    def test_a_model_that_can_not_count_is_said_on_the_page(
        self, gold: str, client: Client, alice: Principal
    ) -> None:
        with scope(alice.organisation.id):
            model = make_model(alice)
        counted = html(client, f"{gold}tokens/?model={model.id}")

        assert "The model has no tokenizer.json." in counted

    @pytest.mark.parametrize("model", ["", "nonsense", nobodys.ID])
    def test_an_unknown_model_is_said_on_the_page(
        self, gold: str, client: Client, model: str
    ) -> None:
        assert "There is no model" in html(client, f"{gold}tokens/?model={model}")


class TestList:
    def test_an_organisation_without_data_is_told_what_to_do(
        self, browser_of: BrowserOf, alice: Principal
    ) -> None:
        page = html(browser_of(alice), "/datasets/")

        assert "No data yet" in page and 'href="/datasets/new/"' in page

    def test_older_datasets_are_on_the_next_page(
        self, browser_of: BrowserOf, alice: Principal
    ) -> None:
        with scope(alice.organisation.id):
            made = [make_dataset(alice, name=f"d-{number}") for number in range(26)]
        browser = browser_of(alice)
        first = html(browser, "/datasets/")
        second = html(browser, f"/datasets/?cursor={made[1].id}")

        assert ">d-25<" in first and ">d-0<" not in first
        assert f'href="?cursor={made[1].id}"' in first
        assert ">d-0<" in second and ">d-1<" not in second
        assert ">d-25<" in html(browser, "/datasets/?cursor=nonsense")

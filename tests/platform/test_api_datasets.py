"""The API's datasets: uploaded, shown, downloaded, deleted, and nobody else's business."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import boto3
import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Dataset
from alloyworks.config import config
from alloyworks.ids import new_id
from alloyworks.jobs.models import JobInput
from alloyworks.tenancy import scope
from tests.platform import nobodys
from tests.platform.catalog_cast import make_dataset, make_job

Api = Callable[[Principal], Client]
Commits = Callable[..., AbstractContextManager[object]]
DATASETS = "/api/v1/datasets"
ROWS = "".join(
    json.dumps({"prompt": f"{n}+1?", "completion": str(n + 1)}) + "\n" for n in range(50)
)


def upload(
    client: Client, content: str | bytes = ROWS, filename: str = "sums.jsonl", **fields: Any
) -> Any:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(filename, data, "application/jsonl")
    return client.post(DATASETS, {"name": "sums", "file": file} | fields)


def stored(prefix: str) -> list[str]:
    """Keys in the bucket, asked with another client than ours."""
    client = boto3.client(
        "s3",
        endpoint_url=config.s3_endpoint_url,
        aws_access_key_id=config.s3_access_key.get_secret_value(),
        aws_secret_access_key=config.s3_secret_key.get_secret_value(),
        region_name="us-east-1",
    )
    found = client.list_objects_v2(Bucket=config.s3_bucket, Prefix=prefix)
    return [item["Key"] for item in found.get("Contents", [])]


def of(principal: Principal) -> str:
    return f"orgs/{principal.organisation.id}/"


def test_an_upload_becomes_a_dataset_of_two_files(api: Api, bob: Principal) -> None:
    made = upload(api(bob), test_percent=20)

    assert made.status_code == 201, made.json()
    shown = made.json()
    assert (shown["name"], shown["format"]) == ("sums", "prompt_completion")
    assert (shown["columns"], shown["created_by"]) == (["prompt", "completion"], bob.user.email)
    assert shown["train_rows"] + shown["test_rows"] == shown["stats"]["rows"] == 50
    assert 0 < shown["test_rows"] < 25
    assert [file["path"] for file in shown["files"]] == ["train.jsonl", "test.jsonl"]
    assert len(stored(of(bob))) == 2


def test_what_is_downloaded_is_what_was_uploaded(api: Api, bob: Principal) -> None:
    client = api(bob)
    made = upload(client).json()

    files = client.get(f"{DATASETS}/{made['id']}/files").json()
    lines = [httpx.get(file["url"]).text for file in files]

    assert sorted("".join(lines).splitlines()) == sorted(ROWS.splitlines())
    assert [len(text) for text in lines] == [file["size"] for file in files]


def test_a_dataset_is_listed_and_shown_with_its_first_rows(api: Api, bob: Principal) -> None:
    client = api(bob)
    first, second = upload(client).json(), upload(client, name="more").json()

    page = client.get(f"{DATASETS}?limit=1").json()
    rest = client.get(f"{DATASETS}?cursor={page['next']}").json()
    shown = client.get(f"{DATASETS}/{first['id']}").json()

    assert (page["items"], rest) == ([second], {"items": [first], "next": None})
    assert shown.pop("preview")[0] == {"prompt": "0+1?", "completion": "1"}
    assert shown == first


def test_a_list_takes_as_many_queries_for_many_as_for_one(api: Api, bob: Principal) -> None:
    client, counts = api(bob), []
    for number in (1, 30):
        with scope(bob.organisation.id):
            for _ in range(number):
                make_dataset(bob, created_by=bob.user)
        client.get(DATASETS)  # notes when the key was last used, once a minute
        with CaptureQueriesContext(connection) as queries:
            assert len(client.get(DATASETS).json()["items"]) >= number
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_a_broken_line_is_named_and_nothing_is_stored(api: Api, bob: Principal) -> None:
    lines = ROWS.splitlines()
    lines[6] = '{"prompt": "6+1?", "completion": 7}'

    answer = upload(api(bob), "\n".join(lines))

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["line", 7, "completion"]
    assert "7, not a text" in error["msg"] and error["remedy"]
    assert_nothing_of(bob)


def assert_nothing_of(principal: Principal) -> None:
    with scope(principal.organisation.id):
        assert not Dataset.objects.exists()
    assert stored(of(principal)) == []


@pytest.mark.parametrize(
    ("content", "loc"),
    [
        ("", ["file"]),
        ("\n \n\n", ["file"]),
        ("x" * 1_100_000, ["line", 1]),
        ('{"colour": "red"}\n', ["line", 1]),
        (b'{"text": "\xff"}\n', ["line", 1]),
    ],
)
def test_a_file_that_can_not_be_used_is_refused(
    api: Api, bob: Principal, content: str | bytes, loc: list[str | int]
) -> None:
    answer = upload(api(bob), content)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == loc
    assert_nothing_of(bob)


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"name": " "}, ["name"]),
        ({"name": "x" * 121}, ["name"]),
        ({"name": "a\0b"}, ["name"]),
        ({"name": "a\nb"}, ["name"]),
        ({"test_percent": 101}, ["test_percent"]),
        ({"test_percent": "x"}, ["test_percent"]),
        ({"file": "no file"}, ["file"]),
    ],
)
def test_a_wrong_field_is_named(
    api: Api, bob: Principal, fields: dict[str, Any], loc: list[str]
) -> None:
    answer = upload(api(bob), **fields)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == loc
    assert_nothing_of(bob)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "<script>alert(1)</script>", "名前 🎉", "'; --"]
)
def test_a_hostile_name_is_only_a_name(api: Api, bob: Principal, name: str) -> None:
    client = api(bob)

    made = upload(client, filename=f"{name}.jsonl", name=name).json()

    assert made["name"] == name
    assert {key.rpartition("/")[0] for key in stored(of(bob))} == {
        f"{of(bob)}datasets/{made['id']}"
    }
    assert httpx.get(client.get(f"{DATASETS}/{made['id']}/files").json()[0]["url"]).is_success


@pytest.mark.parametrize("kind", ["multipart/form-data", "application/json", "text/plain"])
def test_a_body_that_is_no_form_is_a_problem(api: Api, bob: Principal, kind: str) -> None:
    answer = api(bob).post(DATASETS, b"{}", content_type=kind)

    assert answer.status_code in (400, 422)
    assert answer["Content-Type"] == "application/problem+json"


def test_the_same_upload_with_one_key_is_made_once(api: Api, bob: Principal) -> None:
    client = api(bob)
    file = [SimpleUploadedFile("a.jsonl", ROWS.encode()) for _ in range(2)]
    headers = {"Idempotency-Key": "once"}

    made = [client.post(DATASETS, {"name": "s", "file": f}, headers=headers).json() for f in file]

    assert made[0] == made[1]
    assert len(client.get(DATASETS).json()["items"]) == 1


def test_deleting_removes_row_and_files(
    api: Api, bob: Principal, django_capture_on_commit_callbacks: Commits
) -> None:
    client = api(bob)
    made = upload(client).json()

    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(f"{DATASETS}/{made['id']}").status_code == 204

    assert client.get(f"{DATASETS}/{made['id']}").status_code == 404
    assert_nothing_of(bob)


def test_a_dataset_that_a_job_needs_stays(api: Api, bob: Principal) -> None:
    with scope(bob.organisation.id):
        dataset, job = make_dataset(bob), make_job(bob, name="needs it")
        names = {"organisation": bob.organisation, "job": job, "reference": str(dataset.id)}
        JobInput.objects.create(**names, dataset=dataset)

    answer = api(bob).delete(f"{DATASETS}/{dataset.id}")

    assert answer.status_code == 409
    assert "needs it" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["", "/files", f"/tokens?model={nobodys.ID}"])
def test_another_organisations_dataset_is_not_found(
    api: Api, alice: Principal, charlie: Principal, path: str
) -> None:
    with scope(charlie.organisation.id):
        ids = [make_dataset(charlie).id, new_id()]

    answers = [api(alice).get(f"{DATASETS}/{made}{path}") for made in ids]

    assert [answer.status_code for answer in answers] == [404, 404]
    words = [a.text.replace(str(made), "…") for a, made in zip(answers, ids, strict=True)]
    assert words[0] == words[1]


def test_another_organisations_dataset_can_not_be_deleted_and_is_not_listed(
    api: Api, alice: Principal, charlie: Principal
) -> None:
    with scope(charlie.organisation.id):
        foreign = make_dataset(charlie).id
    client = api(alice)

    assert client.delete(f"{DATASETS}/{foreign}").status_code == 404
    assert client.get(DATASETS).json()["items"] == []
    assert api(charlie).get(f"{DATASETS}/{foreign}").status_code == 200


def test_a_viewer_looks_and_does_nothing_else(api: Api, bob: Principal, vera: Principal) -> None:
    viewer, made = api(vera), upload(api(bob)).json()
    url = f"{DATASETS}/{made['id']}"

    assert [viewer.get(DATASETS).status_code, viewer.get(url).status_code] == [200, 200]
    refused = [upload(viewer), viewer.get(f"{url}/files"), viewer.delete(url)]
    assert [answer.status_code for answer in refused] == [403, 403, 403]


@pytest.mark.parametrize("path", ["", f"/{nobodys.ID}", f"/{nobodys.ID}/files"])
def test_nobody_sees_nothing(client: Client, db: None, path: str) -> None:
    assert client.get(DATASETS + path).status_code == 401
    assert upload(client).status_code == 401

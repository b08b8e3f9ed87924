"""What must be so when a campaign is over. Each function gives the violations, in words."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import psycopg
from psycopg.rows import dict_row

from bench.faults.plays import SUCCEEDED, Accepted
from bench.faults.stage import Stage
from bench.faults.tenant import Tenant

Row = dict[str, Any]
Sizes = dict[str, int]  # by key, bytes
TERMINAL = ("succeeded", "failed", "cancelled")


def violations(stage: Stage, accepted: list[Accepted]) -> list[str]:
    found = []
    for tenant in stage.tenants:
        mine = [job for job in accepted if job.tenant is tenant]
        with _rows_of(stage, tenant) as ask:
            jobs = {
                str(row["id"]): row
                for row in ask("SELECT * FROM jobs_job WHERE organisation_id = %s")
            }
            found += _lost(mine, jobs)
            found += _ends(mine, jobs)
            attempts = ask("SELECT * FROM jobs_attempt WHERE organisation_id = %s ORDER BY number")
            found += _attempts(jobs, attempts)
            found += _metered(attempts, ask("SELECT * FROM usage_usage WHERE organisation_id = %s"))
            found += _ended_once(ask)
            found += _late_words(ask)
            versions = ask("SELECT * FROM catalog_modelversion WHERE organisation_id = %s")
            found += _made(jobs, versions)
            datasets = ask("SELECT * FROM catalog_dataset WHERE organisation_id = %s")
            kept = ask("SELECT * FROM jobs_checkpoint WHERE organisation_id = %s")
            promised = _of_versions(versions) | _of_datasets(datasets)
            promised |= _of_checkpoints(kept) | _of_answers(jobs)
            found += _stored(stage, tenant, promised)
    return found + [f"A runner of job {left.job} is left over." for left in stage.runners()]


def _lost(accepted: list[Accepted], jobs: dict[str, Row]) -> Iterator[str]:
    """Every job that was accepted is there, and no other; all have ended."""
    for job in accepted:
        if job.id not in jobs:
            yield f"Job {job.id} was accepted and is lost."
    for job_id in jobs.keys() - {job.id for job in accepted}:
        yield f"Job {job_id} exists, but nobody was told so."
    for job_id, row in jobs.items():
        if row["state"] not in TERMINAL:
            yield f"Job {job_id} is still {row['state']}."


def _ends(accepted: list[Accepted], jobs: dict[str, Row]) -> Iterator[str]:
    """A job ends as it must, or after its last attempt for a reason that is not the user's."""
    for job in accepted:
        row = jobs.get(job.id)
        if row is None or row["state"] in job.ends or row["state"] not in TERMINAL:
            continue
        failure = row["failure"] or {}
        if failure.get("fault") in ("platform", "capacity"):
            continue  # counted among the figures: it was struck too often
        if failure.get("code") == "input_failed":
            continue
        yield f"Job {job.id} ({job.kind}) is {row['state']}: {failure.get('message')}"


def _attempts(jobs: dict[str, Row], attempts: list[Row]) -> Iterator[str]:
    """Numbered without a gap, none alive, at most one with a result."""
    of = defaultdict(list)
    for attempt in attempts:
        of[str(attempt["job_id"])].append(attempt)
    for job_id, row in jobs.items():
        numbers = [attempt["number"] for attempt in of[job_id]]
        states = [attempt["state"] for attempt in of[job_id]]
        if numbers != list(range(1, row["attempt_number"] + 1)):
            yield f"Job {job_id} has attempts {numbers}, but counts {row['attempt_number']}."
        if {"starting", "running"} & set(states):
            yield f"Job {job_id} is {row['state']} with an open attempt."
        if states.count(SUCCEEDED) != (row["state"] == SUCCEEDED):
            yield f"Job {job_id} is {row['state']}, its attempts {states}."


def _metered(attempts: list[Row], ledger: list[Row]) -> Iterator[str]:
    """A row of the ledger for every attempt that ran, of its length, and no other."""
    ran = {
        (attempt["job_id"], attempt["number"]): attempt["finished_at"] - attempt["started_at"]
        for attempt in attempts
        if attempt["started_at"] and attempt["finished_at"]
    }
    metered = [(row["job_id"], row["attempt_number"]) for row in ledger]
    for job_id, number in ran.keys() ^ set(metered):
        yield f"Attempt {number} of job {job_id} ran, or was metered, but not both."
    if len(set(metered)) != len(metered):
        yield "An attempt is metered twice."
    for row in ledger:
        length = ran.get((row["job_id"], row["attempt_number"]))
        if length and abs(length.total_seconds() - row["seconds"]) > 0.001:
            yield f"Job {row['job_id']} ran {length}, and was metered {row['seconds']} s."


def _ended_once(ask: Any) -> Iterator[str]:
    told = ask(
        "SELECT job_id, count(*) AS times FROM jobs_event "
        "WHERE organisation_id = %s AND type = 'state' "
        "AND data->>'state' = ANY(%s) AND seq IS NULL "
        "AND data->>'message' NOT LIKE '%%asks the job to stop%%' GROUP BY job_id",
        list(TERMINAL),
    )
    for row in told:
        if row["times"] != 1:
            yield f"Job {row['job_id']} ended {row['times']} times."


def _late_words(ask: Any) -> Iterator[str]:
    """Nothing that an attempt said was written down after the next one had begun."""
    late = ask(
        "SELECT said.job_id, count(*) AS words FROM jobs_event said JOIN jobs_event next "
        "ON next.job_id = said.job_id AND next.seq IS NULL "
        "AND next.attempt_number > said.attempt_number AND next.id < said.id "
        "WHERE said.organisation_id = %s AND said.seq IS NOT NULL GROUP BY said.job_id"
    )
    for row in late:
        yield f"Job {row['job_id']}: {row['words']} words of an attempt that was over."


def _made(jobs: dict[str, Row], versions: list[Row]) -> Iterator[str]:
    """A model for every job that makes one, and for no other."""
    makers = {job for job, row in jobs.items() if row["kind"] != "evaluate"}
    expected = {job for job in makers if jobs[job]["state"] == SUCCEEDED}
    made = [str(version["job_id"]) for version in versions]
    for job in expected.symmetric_difference(made):
        yield f"Job {job} is {jobs[job]['state']}, but its model is{'' if job in made else ' not'} there."
    if len(set(made)) != len(made):
        yield "A job has made two models."


def _of_versions(versions: list[Row]) -> Sizes:
    return _sizes((version["storage_prefix"], version["files"]) for version in versions)


def _of_datasets(datasets: list[Row]) -> Sizes:
    prefix = "orgs/{organisation_id}/datasets/{id}/"
    return _sizes((prefix.format(**dataset), dataset["files"]) for dataset in datasets)


def _of_checkpoints(kept: list[Row]) -> Sizes:
    """Those of jobs that failed or were cancelled, which may be gone on with."""
    prefix = "orgs/{organisation_id}/jobs/{job_id}/checkpoints/{attempt_number}-{step}/"
    return _sizes((prefix.format(**checkpoint), checkpoint["files"]) for checkpoint in kept)


def _sizes(folders: Iterable[tuple[str, list[Row]]]) -> Sizes:
    return {prefix + file["path"]: file["size"] for prefix, files in folders for file in files}


def _of_answers(jobs: dict[str, Row]) -> Sizes:
    prefix = "orgs/{organisation_id}/jobs/{id}/attempts/{attempt_number}/"
    return _sizes((prefix.format(**job), job["files"]) for job in jobs.values())


def _stored(stage: Stage, tenant: Tenant, promised: Sizes) -> Iterator[str]:
    """Every byte of what is registered, and nothing else."""
    there = dict(_objects(stage, f"orgs/{tenant.organisation}/"))
    for key, size in promised.items():
        if there.get(key) != size:
            yield f"{key} should have {size} bytes, and has {there.get(key)}."
    for key in there.keys() - promised.keys():
        yield f"{key} belongs to nothing."


def _objects(stage: Stage, prefix: str) -> Iterable[tuple[str, int]]:
    words = stage.environment
    client = boto3.client(
        "s3",
        endpoint_url=words["ALLOY_S3_ENDPOINT_URL"],
        aws_access_key_id=words["ALLOY_S3_ACCESS_KEY"],
        aws_secret_access_key=words["ALLOY_S3_SECRET_KEY"],
        region_name="us-east-1",
    )
    pages = client.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=words["ALLOY_S3_BUCKET"], Prefix=prefix):
        yield from ((item["Key"], item["Size"]) for item in page.get("Contents", []))


@contextmanager
def _rows_of(stage: Stage, tenant: Tenant) -> Iterator[Any]:
    """Asks as the tables' owner, whom no policy stops: the first %s is always the organisation."""
    url = stage.environment["ALLOY_DATABASE_OWNER_URL"]
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield lambda sql, *words: connection.execute(sql, [tenant.organisation, *words]).fetchall()

"""The Terraform of a VPC, as far as it can be judged without AWS' provider.

Parsed, formatted, every name found. `terraform validate` needs the provider's schemas, which come from
a registry; docs/install.md says to run it.
"""

import ipaddress
import re
import shutil
import subprocess
from functools import cache

import hcl2
import pytest
import yaml

from tests.infra.chart import ROOT, of_kind, profile, render

FOLDER = ROOT / "infra/terraform/aws"
FILES = sorted(FOLDER.glob("*.tf"))
REFERENCE = re.compile(r"(?<![\w.\"])((?:data|ephemeral)\.)?(aws|random)_(\w+)\.(\w+)")


@cache
def text():
    """Everything, without comments."""
    whole = "\n".join(path.read_text() for path in FILES)
    return re.sub(r"(?m)(^|\s)#.*$", "", whole)


def declared(kind):
    """Names of blocks: `resource "TYPE" "NAME"` as TYPE.NAME, `variable "NAME"` as NAME."""
    return {
        ".".join(re.findall(r'"([^"]+)"', head))
        for head in re.findall(rf"(?m)^{kind} (.+) {{}}?$", text())
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_hcl(path):
    with path.open() as file:
        assert hcl2.load(file)


@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not on this machine")
def test_every_file_is_formatted_as_terraform_does():
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", str(FOLDER)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_is_tidy():
    """What `terraform fmt` asks first, for machines that have none."""
    for path in FILES:
        source = path.read_text()
        assert source.endswith("\n") and not source.endswith("\n\n"), path.name
        assert "\t" not in source, path.name
        assert not re.search(r"(?m)[ ]+$", source), path.name
        for line in source.splitlines():
            assert (len(line) - len(line.lstrip())) % 2 == 0, f"{path.name}: {line}"


def test_every_variable_is_declared_described_and_used():
    used = set(re.findall(r"\bvar\.(\w+)", text()))

    assert used == declared("variable")
    blocks = re.findall(r'(?ms)^variable "\w+" \{.*?^\}', text())
    assert all("description" in block and "type " in block for block in blocks)


def test_every_local_is_declared_and_used():
    blocks = re.findall(r"(?ms)^locals \{\n(.*?)^\}", text())
    names = {name for block in blocks for name in re.findall(r"(?m)^  (\w+) +=", block)}

    assert set(re.findall(r"\blocal\.(\w+)", text())) == names


def test_every_resource_that_is_named_exists():
    kinds = {"": "resource", "data.": "data", "ephemeral.": "ephemeral"}

    missing = [
        f"{prefix}{provider}_{kind}.{name}"
        for prefix, provider, kind, name in REFERENCE.findall(text())
        if f"{provider}_{kind}.{name}" not in declared(kinds[prefix])
    ]

    assert missing == []
    assert len(REFERENCE.findall(text())) > 60


def test_no_password_can_enter_the_state():
    assert not re.search(r"(?m)^\s*(password|auth_token|secret_string)\s*=", text())
    assert declared("resource").isdisjoint({"random_password.owner", "random_password.app"})
    assert {"random_password.owner", "random_password.app", "random_password.broker"} == declared(
        "ephemeral"
    )


def test_everything_at_rest_is_encrypted():
    for kind, words in {
        "aws_db_instance": "storage_encrypted",
        "aws_elasticache_replication_group": "at_rest_encryption_enabled",
        "aws_launch_template": "encrypted",
    }.items():
        [block] = re.findall(rf'(?ms)^resource "{kind}" "\w+" \{{.*?^\}}', text())
        assert re.search(rf"{words}\s+= true", block), kind
    assert "aws_s3_bucket_server_side_encryption_configuration.this" in declared("resource")


def test_nothing_but_load_balancers_and_gateways_is_public():
    assert re.search(r"publicly_accessible\s+= false", text())
    assert text().count("0.0.0.0/0") == 2  # the two default routes, when there is a way out
    for wall in (
        "block_public_acls",
        "block_public_policy",
        "ignore_public_acls",
        "restrict_public_buckets",
    ):
        assert re.search(rf"{wall}\s+= true", text())


def test_pods_can_not_take_the_machines_credentials():
    assert re.search(r'http_tokens\s+= "required"', text())
    assert re.search(r"http_put_response_hop_limit = 1\b", text())


def test_no_policy_of_ours_is_a_wildcard():
    actions = re.findall(r'"((?:s3|kms|sts):[\w*]+)"', text())

    assert [action for action in actions if "*" in action] == [
        "s3:*"
    ]  # the one that denies plain http
    assert re.search(r'sid\s+= "TlsAlone"\s+effect\s+= "Deny"', text())


def test_the_charts_profile_has_the_addresses_of_the_default_network():
    [vpc] = re.findall(r'(?ms)^variable "vpc_cidr" .*?default\s+= "([^"]+)"', text())
    network = ipaddress.ip_network(vpc)
    subnets = {
        name: list(network.subnets(int(bits)))[int(index)]
        for name, bits, index in re.findall(
            r"(\w+)_cidr\s+= cidrsubnet\(var.vpc_cidr, (\d+), (\d+)\)", text()
        )
    }
    values = profile("values-aws")

    assert values["network"]["database"]["cidrs"] == [str(subnets["data"])]
    assert values["network"]["broker"]["cidrs"] == [str(subnets["data"])]
    assert values["network"]["storage"]["cidrs"] == [str(subnets["endpoints"])]
    assert values["network"]["ingressController"]["cidrs"] == [str(subnets["private"])]
    assert values["ingress"]["trustedProxies"] == [str(subnets["private"])]
    assert str(subnets["private"]) in values["network"]["apiServer"]["cidrs"]


def test_the_accounts_that_may_use_the_bucket_are_the_charts():
    [parts] = re.findall(r"storage = \[for part in (\[.*?\]) :", text())
    named = {f"alloyworks-{part}" for part in yaml.safe_load(parts)}
    annotated = {
        found["metadata"]["name"]
        for found in of_kind(render(profile("values-aws")), "ServiceAccount")
        if "annotations" in found["metadata"]
    }

    assert named == annotated

"""Every setting of a deployment, read from `ALLOY_…` environment variables, here and only here.

A wrong value stops the start with a message that names the variable. The embedded stack
(`alloy up`) sets them for its child processes; a cluster sets them by the Helm chart.
"""

import json
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, Json, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]
"""The checkout; in an image ALLOY_FRONTEND_DIR says where the pages lie."""


class Config(BaseSettings):
    """One attribute a variable: `database_url` is `ALLOY_DATABASE_URL`."""

    model_config = SettingsConfigDict(env_prefix="ALLOY_", extra="ignore")

    secret_key: SecretStr = Field(min_length=32, description="Signs sessions; 32+ characters")
    debug: bool = False
    public_url: str = Field("http://127.0.0.1:8000", description="Where users reach the pages")
    allowed_hosts: str = Field("127.0.0.1,localhost,[::1]", description="Comma-separated")
    frontend_dir: Path = ROOT / "frontend"
    state_dir: Path = Field(ROOT / ".alloy", description="Mails, logs and scratch of this machine")

    database_url: str = Field(description="postgresql://user:password@host:port/name, app role")
    database_owner_url: str | None = Field(None, description="Owner role; only migrations use it")
    database_backup_url: str | None = Field(
        None, description="Role that sees all rows, for backups; None: the owner"
    )
    broker_url: str = Field(description="redis://host:port/0, or redis+socket:///path")

    s3_endpoint_url: str | None = Field(None, description="None: Amazon's own")
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr | None = Field(None, description="None: the machine's own role")
    s3_secret_key: SecretStr | None = None
    s3_bucket: str = Field("alloyworks", min_length=3)

    runner_url: str | None = Field(None, description="Platform's address for runners; public_url")
    executor: Literal["local", "kubernetes"] = "local"
    local_slots: int = Field(1, ge=1, le=64, description="Attempts at once on this machine")
    local_endpoints: int = Field(1, ge=1, le=64, description="Models served at once, likewise")
    endpoint_wake_seconds: int = Field(
        120, ge=1, le=3600, description="So long a request waits for a model that wakes up"
    )
    engine_memory_gb: float | None = Field(
        None, gt=0, description="A job's own memory on this machine"
    )
    engine_file_gb: float | None = Field(
        None, gt=0, description="Largest file that a job may write"
    )
    engine_processes: int | None = Field(
        None, ge=64, description="Processes and threads of the user that jobs run as, unless root"
    )
    lease_seconds: int = Field(60, ge=5, description="An attempt silent for longer is lost")
    max_attempts: int = Field(3, ge=1, le=20)
    job_hours: float = Field(72, gt=0, description="A job may run for so long, unless it says else")
    checkpoint_days: float = Field(
        7, ge=0, le=3650, description="A failed or cancelled job can be gone on with for so long"
    )
    upload_max_bytes: int = Field(2 * 1024**3, ge=1024, description="Largest dataset file")
    max_requests: int = Field(32, ge=1, description="At once in a web process; more are told 503")
    web_processes: int = Field(2, ge=1, le=64, description="Of the embedded stack, on one port")
    max_streams: int = Field(500, ge=1, description="Open event streams of a web process")
    webhook_allow_http: bool = Field(
        False, description="Also http://, which anybody on the way reads"
    )
    webhook_ports: str = Field("443,80", description="Ports that webhooks may use, comma-separated")
    webhook_networks: str = Field("", description="Private networks they may reach: CIDRs, commas")
    log_format: Literal["json", "console"] = "json"
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description="Opens /metrics; None: to this machine alone"
    )
    metrics_dir: Path | None = Field(None, description="Counts of each process; None: in state_dir")
    worker_metrics_port: int | None = Field(None, ge=1, le=65535, description="Of the worker's own")

    # Of the kubernetes executor (docs/kubernetes.md); an empty text: left to the cluster.
    kube_config: Path | None = Field(None, description="A kubeconfig; None: the pod's own account")
    kube_namespace: str = Field("alloyworks", min_length=1)
    kube_image_cpu: str = Field("", validate_default=True, description="Of runners without a GPU")
    kube_image_cuda: str = Field("", description="Of runners with GPUs; empty: there are none")
    kube_pull_secret: str = ""
    kube_slots: int | None = Field(100, ge=1, description="Attempts at once; None: any number")
    kube_multi_node: bool = Field(False, description="A job's pods on several machines may meet")
    kube_queue: str = Field("", description="A LocalQueue of Kueue's")
    kube_priority_class: str = ""
    kube_runtime_class: str = ""
    kube_node_selector: Json[dict[str, str]] = Field({}, description="JSON")
    kube_tolerations: Json[list[dict[str, Any]]] = Field([], description="JSON")
    kube_gpu_resource: str = "nvidia.com/gpu"
    kube_gpu_type: str = Field("", description="Value of the label below; empty: any")
    kube_gpu_type_label: str = "nvidia.com/gpu.product"
    kube_capacity: Literal["any", "spot", "on-demand"] = "any"
    kube_capacity_label: str = "karpenter.sh/capacity-type"
    kube_cpus: float = Field(4, gt=0, description="Of each runner, at least; so the four below")
    kube_memory_gb: float = Field(8, gt=0)
    kube_scratch_gb: float = Field(20, gt=0)
    kube_shared_memory_gb: float = Field(2, gt=0, description="/dev/shm")  # noqa: S108  # in the pod
    kube_scratch_class: str = Field("", description="StorageClass; empty: the machine's own disk")
    kube_image_serve_cuda: str = Field("", description="With vLLM; empty: served by cores")
    kube_endpoints: int = Field(20, ge=1, description="Models served at once")
    kube_endpoint_replicas: int = Field(1, ge=1, description="Of one, at most")
    kube_wait_hours: float = Field(
        24, gt=0, description="An attempt may wait so long for a machine"
    )

    # Of one organisation, unless `alloy limits` says else of it; None: any number.
    limit_running_jobs: int | None = Field(None, ge=0, description="Jobs that run at once")
    limit_open_jobs: int | None = Field(1000, ge=0, description="Jobs that wait or run")
    limit_gpu_hours: float | None = Field(None, ge=0, description="GPU-hours a calendar month")
    limit_job_hours: float | None = Field(None, ge=0, description="Hours of jobs a calendar month")
    limit_storage_bytes: int | None = Field(None, ge=0, description="Of datasets and models")
    email_dir: Path | None = Field(None, description="Mails become files here; None: SMTP")
    email_url: str = Field("smtp://localhost:25", description="SMTP server, used without email_dir")
    email_verification: Literal["none", "optional", "mandatory"] = Field(
        "optional", description="mandatory: nobody signs in before their address is confirmed"
    )
    api_rate: int = Field(3000, ge=0, description="Requests a minute of one API key; 0: any number")

    oidc_issuer: str | None = Field(None, description="Single sign-on; None: passwords alone")
    oidc_client_id: str = Field("", validate_default=True)
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_name: str = Field("single sign-on", description="On the button: Sign in with …")
    oidc_domains: str = Field("", description="Of e-mail addresses let in, comma-separated; all")
    oidc_organisation: UUID | None = Field(None, description="That newcomers join; None: none")
    oidc_role: Literal["admin", "member", "viewer"] = "member"

    @field_validator("oidc_client_id")
    @classmethod
    def _known_to_the_issuer(cls, text: str, info: ValidationInfo) -> str:
        if info.data.get("oidc_issuer") and not text:
            raise ValueError("ALLOY_OIDC_ISSUER is set; say under which id it knows this platform")
        return text

    @field_validator("kube_image_cpu")
    @classmethod
    def _needed_in_a_cluster(cls, text: str, info: ValidationInfo) -> str:
        if info.data.get("executor") == "kubernetes" and not text:
            raise ValueError("ALLOY_EXECUTOR is kubernetes; say which image its runners have")
        return text

    @field_validator("kube_node_selector", "kube_tolerations", mode="before")
    @classmethod
    def _left_empty(cls, given: Any, info: ValidationInfo) -> str:
        """As charts pass on what nobody has set; the defaults are validated, too."""
        if given == "":
            return "{}" if info.field_name == "kube_node_selector" else "[]"
        return given if isinstance(given, str) else json.dumps(given)

    @field_validator("webhook_ports", "webhook_networks")
    @classmethod
    def _lists(cls, text: str, info: ValidationInfo) -> str:
        """A wrong item is said at the start, not when it is needed."""
        for item in split(text):
            if info.field_name == "webhook_networks":
                ip_network(item)
            elif not (item.isdigit() and 0 < int(item) < 65536):
                raise ValueError(f"{item!r} is no port number")
        return text

    @property
    def redis_url(self) -> str:
        """The broker, as Redis clients spell it."""
        return self.broker_url.replace("redis+socket://", "unix://")

    @property
    def webhook_port_numbers(self) -> list[int]:
        return [int(item) for item in split(self.webhook_ports)]

    @property
    def webhook_networks_opened(self) -> list[IPv4Network | IPv6Network]:
        return [ip_network(item) for item in split(self.webhook_networks)]


def split(text: str) -> list[str]:
    """The items of a comma-separated list."""
    return [item.strip() for item in text.split(",") if item.strip()]


def load() -> Config:
    """The configuration of this process; exits with one line a fault when it is wrong."""
    try:
        return Config()  # every field comes from the environment
    except ValidationError as error:
        lines = [f"ALLOY_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
        raise SystemExit("Settings are wrong:\n  " + "\n  ".join(lines)) from None


config = load()

"""Values as an operator might write them, drawn by Hypothesis: every key, right values alone."""

from typing import Any

from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,8})?", fullmatch=True)
WORDS = st.text("abcXYZ019 .,:;'\"{}[]()#&*!|<>%@`\\/-_=~?é漢", max_size=20)
CIDRS = st.tuples(*[st.integers(0, 255)] * 3).map(lambda n: f"{n[0]}.{n[1]}.{n[2]}.0/24")
PORTS = st.lists(st.integers(1, 65535), min_size=1, max_size=3, unique=True)
ADDRESSES = st.fixed_dictionaries(
    {}, optional={"cidrs": st.lists(CIDRS, max_size=3), "ports": PORTS}
)
SIZES = st.builds("{}{}".format, st.integers(1, 900), st.sampled_from(["Mi", "Gi"]))
CPUS = st.builds("{}m".format, st.integers(1, 8000)) | st.integers(1, 64).map(str)
AMOUNTS = st.fixed_dictionaries({"cpu": CPUS, "memory": SIZES, "ephemeral-storage": SIZES})
RESOURCES = st.fixed_dictionaries({"requests": AMOUNTS, "limits": AMOUNTS})
LABELS = st.dictionaries(NAMES.map("example.com/{}".format), NAMES, max_size=3)
ANNOTATIONS = st.dictionaries(NAMES.map("example.com/{}".format), WORDS, max_size=3)
URLS = st.builds("{}://{}.example.com".format, st.sampled_from(["http", "https"]), NAMES)
DIGESTS = st.just("") | st.integers(0, 2**256 - 1).map("sha256:{:064x}".format)
IMAGES = st.fixed_dictionaries(
    {}, optional={"tag": st.sampled_from(["", "1.2.3"]), "digest": DIGESTS}
)
TOLERATIONS = st.lists(
    st.fixed_dictionaries({"key": NAMES, "operator": st.just("Exists")}), max_size=2
)


def some(**keys: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these keys; what is left out is the chart's own."""
    return st.fixed_dictionaries({}, optional=keys)


def scaling() -> st.SearchStrategy[dict[str, Any]]:
    counts = st.tuples(st.integers(1, 50), st.integers(0, 50))
    return st.builds(
        lambda on, n, cpu: {
            "enabled": on,
            "minReplicas": n[0],
            "maxReplicas": n[0] + n[1],
            "targetCpu": cpu,
        },
        st.booleans(),
        counts,
        st.integers(10, 100),
    )


def process(**more: Any) -> st.SearchStrategy[dict[str, Any]]:
    return some(resources=RESOURCES, scratch=SIZES, **more)


REPLICAS = st.integers(1, 100)
SECRET = some(existingSecret=NAMES)
STORES = st.booleans().map(lambda on: {"enabled": on})
SETTINGS = some(
    ALLOY_LEASE_SECONDS=st.integers(5, 3600),
    ALLOY_UPLOAD_MAX_BYTES=st.integers(1024, 2**50),
    ALLOY_JOB_HOURS=st.floats(0.5, 1000),
    ALLOY_LIMIT_STORAGE_BYTES=st.integers(0, 2**50),
    ALLOY_WEBHOOK_ALLOW_HTTP=st.booleans(),
    ALLOY_OIDC_NAME=WORDS.filter(bool),
    ALLOY_LOG_FORMAT=st.sampled_from(["json", "console"]),
)
ANY = some(
    publicUrl=URLS,
    images=some(
        registry=NAMES.map("{}.example.com:5000/mirror".format),
        pullPolicy=st.sampled_from(["Always", "IfNotPresent", "Never"]),
        pullSecrets=st.lists(NAMES, max_size=2),
        platform=IMAGES,
        engineCpu=IMAGES,
        engineCuda=IMAGES,
    ),
    app=SECRET,
    database=some(
        existingSecret=NAMES, ownerSecret=NAMES, sslMode=st.sampled_from(["prefer", "require"])
    ),
    broker=SECRET,
    storage=some(
        endpointUrl=URLS,
        region=NAMES,
        bucket=st.from_regex(r"[a-z]{3,20}", fullmatch=True),
        existingSecret=NAMES,
    ),
    mail=SECRET,
    oidc=SECRET,
    trust=some(configMap=NAMES),
    settings=SETTINGS,
    web=process(replicas=REPLICAS, autoscaling=scaling()),
    worker=process(replicas=REPLICAS, autoscaling=scaling(), concurrency=st.integers(1, 32)),
    beat=process(),
    controller=process(replicas=REPLICAS),
    migrations=process(deadlineSeconds=st.integers(30, 3600)),
    scheduling=some(nodeSelector=LABELS, tolerations=TOLERATIONS, priorityClass=NAMES),
    serviceAccounts=some(storageAnnotations=ANNOTATIONS),
    jobs=some(
        namespace=NAMES.map("jobs-{}".format),
        createNamespace=st.booleans(),
        gpus=st.booleans(),
        queue=NAMES,
        priorityClass=NAMES,
        runtimeClass=NAMES,
        pullSecret=NAMES,
        nodeSelector=LABELS,
        tolerations=TOLERATIONS,
        runnerUrl=URLS,
        multiNode=st.booleans(),
        quota=st.just({"requests.nvidia.com/gpu": 8, "limits.memory": "2Ti"}),
    ),
    ingress=some(
        enabled=st.booleans(),
        className=NAMES,
        annotations=ANNOTATIONS,
        tlsSecret=NAMES,
        trustedProxies=st.lists(CIDRS, max_size=3),
    ),
    network=some(
        policies=st.booleans(),
        ingressController=some(
            namespace=NAMES, podLabels=LABELS, cidrs=st.lists(CIDRS, max_size=2)
        ),
        monitoring=some(namespace=NAMES),
        dns=some(namespace=NAMES, podLabels=LABELS, cidrs=st.lists(CIDRS, max_size=2)),
        apiServer=ADDRESSES,
        database=ADDRESSES,
        broker=ADDRESSES,
        storage=ADDRESSES,
        mail=ADDRESSES,
        webhooks=some(public=st.booleans(), cidrs=st.lists(CIDRS, max_size=2), ports=PORTS),
    ),
    disruptionBudgets=st.booleans(),
    monitoring=some(enabled=st.booleans(), labels=LABELS, interval=st.sampled_from(["15s", "1m"])),
    postgresql=STORES,
    valkey=STORES,
    objectStore=STORES,
)


def consistent(values: dict[str, Any]) -> dict[str, Any]:
    """Without what the chart refuses because two values contradict each other."""
    if values.get("ingress", {}).get("enabled"):
        values.setdefault("publicUrl", "https://alloyworks.example.com")
    if values.get("objectStore", {}).get("enabled"):
        values.get("storage", {}).pop("endpointUrl", None)
    return values


VALUES = ANY.map(consistent)

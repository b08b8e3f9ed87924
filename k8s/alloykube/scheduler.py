"""Kubernetes' scheduler in plain words.

It says: 0/5 nodes are available: 2 Insufficient nvidia.com/gpu, 3 node(s) had untolerated taint
{key: value}. preemption: 0/5 nodes are available: …
"""

import re

_ALL = re.compile(r"0/(\d+) nodes are available: (.*)", re.DOTALL)
_PART = re.compile(r"(\d+) (.+)", re.DOTALL)
_BETWEEN = re.compile(r",\s+(?=\d+ )")
_KNOWN = (
    (re.compile(r"Insufficient memory"), "too little free memory"),
    (re.compile(r"Insufficient cpu"), "too few free cores"),
    (re.compile(r"Insufficient ephemeral-storage"), "too little free disk"),
    (re.compile(r"Insufficient (\S+/\S*gpu\S*)"), "too few free GPUs"),
    (re.compile(r"Insufficient (\S+)"), r"too little free \1"),
    (re.compile(r"node\(s\) didn't match Pod's node affinity/selector"), "another kind of machine"),
    (re.compile(r"node\(s\) had untolerated taint.*", re.DOTALL), "reserved for others"),
    (re.compile(r"node\(s\) were unschedulable"), "closed for new work"),
    (re.compile(r"Too many pods"), "no room for another pod"),
)


def words(message: str) -> str:
    """A sentence; what is not known is quoted."""
    found = _ALL.match(message)
    if not found:
        return f"No machine is free for it. The cluster says: {message}".removesuffix(
            " The cluster says: "
        )
    count, rest = int(found[1]), found[2].partition(" preemption:")[0].rstrip(". ")
    if count == 0:
        return "The cluster has no machine."
    told = "; ".join(map(_part, _BETWEEN.split(rest)))
    return f"No machine is free for it. Of {count}: {told}."


def _part(text: str) -> str:
    found = _PART.fullmatch(text)
    if not found:
        return text
    said = found[2]
    for pattern, plain in _KNOWN:
        if pattern.fullmatch(said):
            return f"{found[1]} {pattern.sub(plain, said)}"
    return f"{found[1]} {said}"

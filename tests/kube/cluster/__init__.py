"""A Kubernetes cluster for the tests, on this machine and over real HTTP.

store     objects, versions, the history of changes
server    the API: create, read, replace, delete, list by pages, watch; rules: what it refuses
faults    what goes wrong on the way, by script
jobs      the Job controller and the garbage collector
kubelet   pods: by hand, pretended, or really run
whole     all of them together; `python -m tests.kube.cluster FOLDER` runs one
"""

"""Attempts as Kubernetes objects. Empty until the cluster executor is built."""

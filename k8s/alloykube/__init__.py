"""Attempts as Kubernetes objects. Knows the job specs' room of the engine and nothing of the platform.

names       what an attempt's objects are called, and the labels that lead back to it
facts       what an attempt needs, and how a deployment uses its cluster
manifest    the Job; pod, beside: its pods, its Secret and Service. Pure functions
api         the cluster's API as far as we use it; errors: how it refuses
attempts    makes an attempt's objects, removes them, and asks why it ended
serving     an endpoint's server: Deployment, Service, Secret. Pure functions
reflector   what is in the cluster now, by list and watch
reading     what Job and pods say, in plain words; ending: why an attempt ended; scheduler: its words
controller  tells the platform; due: what it looks at next; lease: which replica leads
"""

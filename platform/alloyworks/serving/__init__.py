"""Serving: a model version, or a mixture of agents, behind an OpenAI-compatible endpoint.

models      an endpoint, and what it was asked
endpoints   as people manage them
lifecycle   asleep, waking, ready, failed: every change of state
rounds      makes the world match the rows: launches, notices what is ready, idle or dead
launchers/  servers as processes of this machine, or in a cluster
server_api  what a server asks of the platform: its model's files
gateway     /v1/chat/completions: finds the endpoint, wakes it, passes on; protocol: OpenAI's words
mixing      an endpoint that asks others
"""

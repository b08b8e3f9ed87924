"""PostgreSQL, Valkey, S3 and our own processes on one machine, supervised.

`stack` is the door: start, stop, status, environment. `supervisor` runs as its own process and
keeps the `services` alive; `state` is the folder that everything lives in.
"""

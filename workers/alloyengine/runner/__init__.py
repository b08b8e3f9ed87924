"""Runs one attempt of a job: an agent that talks to the platform, and the engine as its child."""

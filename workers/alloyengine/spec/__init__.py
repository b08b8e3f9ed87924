"""The contract between the platform, the runner and the command line: versioned job specs.

Imports pydantic and nothing heavier.
"""

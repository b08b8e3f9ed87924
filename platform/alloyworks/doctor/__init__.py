"""`alloy doctor`: looks at a deployment as it is, and says what is wrong and what to do.

One file a field; each holds checks, which are functions that yield findings. `checkup` runs them.
"""

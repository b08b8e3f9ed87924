"""Tasks of lm-evaluation-harness, scored by our own model behind its interface.

model.py   our scoring and answering as the harness calls it
names.py   the tasks it knows, by name
files.py   tasks that users wrote: read as data, never as code
guard.py   what keeps it from running what users wrote, and from the network
task.py    one model on one task

The package `lm-eval` is imported when a task is run, and not before.
"""

"""The fault campaign: many small jobs of several tenants, while processes die and stores fail.

stage.py       a stack of its own, two tiny base models, the tenants
store.py       an object store that fails when it is told to
tenant.py      what a tenant does through the REST API
plays.py       the jobs, and how each must end
nemesis.py     strikes when it is time to, and heals
strikes.py     the faults
scenarios.py   which of them strike in which scenario, and when
invariants.py  what must be so at the end, asked of database, storage and processes
figures.py     what is told of a campaign
campaign.py    all of it, from start to verdict
"""

"""Whether this process was told to stop: streams then end, and their readers find another."""

from threading import Event

stopping = Event()

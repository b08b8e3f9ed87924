"""One model behind an OpenAI-compatible endpoint: fetched, checked, and handed to a server that exists.

__main__.py  what an executor starts
servers.py   the servers: transformers' own, and vLLM where there are GPUs
"""

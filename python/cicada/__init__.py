"""The Python side of cicada: inspecting a Locust file, and the worker process that runs it."""

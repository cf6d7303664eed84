"""The gRPC server, in processes of its own.

Each event of a gRPC call waits for Python's lock; in the process of the services, where every
connection has a thread, they made most of a call's time. So the server has a process that only
hands whole calls on, and a relay beside it copies the bytes between it and the proxy's clients.
"""

"""Keeps a listening socket open while servers on it come and go, as a service manager does.

It prints the port. `start` on its standard input starts a server and answers with its process id
when that accepts connections; `end PID` asks one to end, and answers with its exit status.
"""

import signal
import socket
import subprocess
import sys

listener = socket.create_server(("127.0.0.1", 0), backlog=512)
script = f'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" "$@" 3<&{listener.fileno()}'
children = {}


def start():
    child = subprocess.Popen(
        ["sh", "-c", script, *sys.argv[1:]],
        pass_fds=[listener.fileno()],
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in child.stdout:
        if line.startswith("Skywave server: "):
            children[child.pid] = child
            return child.pid
    return f"failed {child.wait()}"


def end(pid):
    child = children.pop(int(pid))
    child.send_signal(signal.SIGTERM)
    return child.wait()


print(listener.getsockname()[1], flush=True)
for line in sys.stdin:
    word, *rest = line.split()
    print({"start": start, "end": end}[word](*rest), flush=True)
for child in children.values():
    child.kill()

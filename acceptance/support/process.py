"""Starts and stops processes that a test owns, by pid and never by name."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path


class Started:
    """A child process in a session of its own, its output in a file."""

    def __init__(self, argv, log: Path, env=None):
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self.output = open(log, "ab")
        self.child = subprocess.Popen(
            [str(a) for a in argv], stdout=self.output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env=env, start_new_session=True)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def kill(self):
        """SIGKILL, at once."""
        if self.alive():
            self.child.kill()
        self.child.wait(10)

    def stop(self, timeout=60):
        """SIGTERM and a bounded wait; SIGKILL when that is not enough. Returns the exit status."""
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"pid {self.pid} ignored SIGTERM for {timeout} s:\n{self.tail()}")
        finally:
            self.output.close()

    def tail(self, size=4000):
        return self.log.read_text(errors="replace")[-size:]


def wait_until(what, condition, timeout=30.0, interval=0.05):
    """Returns the first truthy result of `condition()`; fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    last = None
    while time.monotonic() < deadline:
        try:
            result = condition()
            if result:
                return result
        except (OSError, AssertionError) as error:
            last = error
        time.sleep(interval)
    raise AssertionError(f"not within {timeout} s: {what}" + (f" (last: {last})" if last else ""))


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(argv, env=None, input=None, timeout=180, check=True):
    """Runs a command to its end and returns its standard output; a failure shows everything."""
    done = subprocess.run([str(a) for a in argv], env=env, input=input, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout if check else done


def pid_exists(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False

#!/usr/bin/env python3
"""The log store through its API and through the awslogs driver, beside `grep` and `zstdcat | grep` over the same raw text.

`.venv/bin/python benches/logs.py [LINES]`: ingests by PutLogEvents, then looks for a needle, a JSON field, and the
last lines. `benches/logs.py LINES driver`: a container prints the lines, and the clock stops when the last one is
found. Prints a table; LONGSHORE_BINARY names the binary (a release build, or the figures mean nothing).
"""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "acceptance"))

from support.ecs import Cluster  # noqa: E402
from support.images import busybox_layout, push  # noqa: E402
from support.longshore import Longshore  # noqa: E402

LINES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
DRIVER = sys.argv[2:] == ["driver"]
BATCH, STREAMS, MASK = 5_000, 4, (1 << 64) - 1


def mix(n):
    """Spreads a number over 64 bits: trace ids that compress as badly as real ones."""
    z = (n + 1) * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def line(n):
    """One line in ten is JSON, the others look like a web server's: about 100 bytes."""
    trace = mix(n)
    if n % 10 == 0:
        return (f'{{"level":"info","trace":"{trace:016x}","path":"/api/items/{n % 9973}","status":200,"ms":{trace % 900},'
                f'"agent":"bench/1"}}')
    return (f"10.0.{n % 7}.{n % 251} GET /items/{n % 9973} status={200 + trace % 8} trace={trace:016x} took {trace % 900} ms "
            f"by worker-{n % 16} in zone-{n % 3}")


def resident(pid, name):
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(row.split()[1]) for row in text.splitlines() if row.startswith(name)) // 1024


def main():
    longshore = Longshore(node=DRIVER).start()
    try:
        measure_driver(longshore) if DRIVER else measure(longshore)
    finally:
        longshore.remove()


# One line in ten is JSON; a number that does not repeat stands for a trace id.
PROGRAM = """BEGIN { for (n = 0; n < LINES; n++) { t = sprintf("%05d%05d%05d", n * 7919 % 99991, n * 104729 % 99989, n * 1299709 % 99971)
if (n % 10 == 0) printf "{\\"level\\":\\"info\\",\\"n\\":%d,\\"trace\\":\\"%s\\",\\"path\\":\\"/api/items/%d\\",\\"status\\":200,\\"agent\\":\\"bench/1\\"}\\n", n, t, n % 9973
else printf "10.0.%d.%d GET /items/%d n=%d trace=%s took %d ms by worker-%d\\n", n % 7, n % 251, n % 9973, n, t, n % 900, n % 16 } print "the end" }"""


def measure_driver(longshore):
    cluster = Cluster(longshore, "bench")
    cluster.ecr.create_repository(repositoryName="bench")
    image = push(longshore, busybox_layout(longshore.dir / "layout"), "bench")
    command = ["awk", "-v", f"LINES={LINES}", PROGRAM]
    definition = cluster.register("bench", [{"name": "main", "image": image, "command": command}], cpu="1024", memory="2048")
    began = time.monotonic()
    [task] = cluster.run(definition)
    cluster.wait([task], "STOPPED", 3600)
    printed = time.monotonic() - began
    logs, stream = cluster.logs, f"t/main/{task.rpartition('/')[2]}"
    while True:
        last = logs.get_log_events(logGroupName="/test/bench", logStreamName=stream, limit=1)["events"]
        if last and last[0]["message"] == "the end":
            break
        assert time.monotonic() - began < 3600, last
        time.sleep(0.1)
    took, pid = time.monotonic() - began, longshore.process.pid
    print(f"lines                 {LINES:,} by a container")
    print(f"driver                {LINES / took:,.0f} lines/s until all are found ({LINES / printed:,.0f} until the task stopped)")
    print(f"resident              {resident(pid, 'VmRSS:')} MiB now, {resident(pid, 'VmHWM:')} MiB at most; load {os.getloadavg()[0]:.0f}")
    needle = LINES // 30 * 10 + 7
    print(f"needle                {search(logs, f'{chr(34)} n={needle} {chr(34)}', 1, '/test/bench'):.2f} s")
    print(f"JSON field            {search(logs, f'{{ $.n = {LINES // 70 * 10} }}', 1, '/test/bench'):.2f} s")


def measure(longshore):
    raw = longshore.dir / "raw.log.zst"
    packer = subprocess.Popen(["zstd", "-q", "-3", "-o", str(raw)], stdin=subprocess.PIPE)
    logs = longshore.client("logs", max_pool_connections=STREAMS)
    logs.create_log_group(logGroupName="bench")
    for stream in range(STREAMS):
        logs.create_log_stream(logGroupName="bench", logStreamName=str(stream))
    first = int(time.time() * 1000) - LINES // 100
    spent, throttled, lock, texts = [0.0], [0], threading.Lock(), 0

    def put(number, batch):
        began = time.monotonic()
        for attempt in range(3000):
            try:
                logs.put_log_events(logGroupName="bench", logStreamName=str(number % STREAMS), logEvents=batch)
                break
            except logs.exceptions.ClientError as error:
                # The store asks for patience while its disk is behind.
                assert error.response["Error"]["Code"] == "ThrottlingException" and attempt < 2999, error
                time.sleep(0.1)
        with lock:
            spent[0] += time.monotonic() - began
            throttled[0] += attempt

    began = time.monotonic()
    with ThreadPoolExecutor(STREAMS) as pool:
        waiting = []
        for number, start in enumerate(range(0, LINES, BATCH)):
            messages = [line(n) for n in range(start, min(start + BATCH, LINES))]
            packer.stdin.write(("\n".join(messages) + "\n").encode())
            texts += sum(map(len, messages)) + len(messages)
            batch = [{"timestamp": first + (start + n) // 100, "message": m} for n, m in enumerate(messages)]
            waiting.append(pool.submit(put, number, batch))
            if len(waiting) > 2 * STREAMS:
                waiting.pop(0).result()
        for one in waiting:
            one.result()
    took = time.monotonic() - began
    packer.stdin.close()
    packer.wait()
    pid = longshore.process.pid
    print(f"lines                 {LINES:,} ({texts / 1e6:.0f} MB of text)")
    print(f"PutLogEvents          {LINES / took:,.0f} lines/s (client included), {spent[0] / (LINES / BATCH) * 1000:.0f} ms a call of {BATCH:,}, {throttled[0]} throttled")
    print(f"resident              {resident(pid, 'VmRSS:')} MiB now, {resident(pid, 'VmHWM:')} MiB at most, while ingesting", flush=True)
    on_disk = int(subprocess.check_output(["du", "-sb", longshore.data]).split()[0])
    print(f"on disk               {on_disk / 1e6:.0f} MB; zstd -3 of the text {raw.stat().st_size / 1e6:.0f} MB")
    needle = f"{mix(LINES // 3):016x}"
    json_needle = f"{mix(LINES // 70 * 10):016x}"
    print(f"needle                {search(logs, needle):.2f} s")
    print(f"absent                {search(logs, 'zzzz_no_such_thing', 0):.2f} s")
    print(f"JSON field            {search(logs, f'{{ $.trace = {chr(34)}{json_needle}{chr(34)} }}'):.2f} s")
    began = time.monotonic()
    last = logs.get_log_events(logGroupName="bench", logStreamName="0", limit=100)["events"]
    print(f"last 100 of a stream  {time.monotonic() - began:.3f} s ({len(last)} events)")
    began = time.monotonic()
    found = subprocess.run(f"zstdcat {raw} | grep -c -F {needle}", shell=True, capture_output=True, text=True).stdout.strip()
    print(f"zstdcat | grep -F     {time.monotonic() - began:.2f} s ({found} found)")
    plain = longshore.dir / "raw.log"
    subprocess.run(["zstd", "-q", "-d", str(raw), "-o", str(plain)], check=True)
    began = time.monotonic()
    found = subprocess.run(["grep", "-c", "-F", needle, str(plain)], capture_output=True, text=True).stdout.strip()
    print(f"grep -F               {time.monotonic() - began:.2f} s ({found} found; the text is not compressed)")
    print(f"resident              {resident(pid, 'VmRSS:')} MiB now, {resident(pid, 'VmHWM:')} MiB at most; load {os.getloadavg()[0]:.0f}")


def search(logs, pattern, expected=1, group="bench"):
    began, found, token = time.monotonic(), 0, {}
    while True:
        page = logs.filter_log_events(logGroupName=group, filterPattern=pattern, **token)
        found += len(page["events"])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert found == expected, f"{pattern}: {found}"
    return time.monotonic() - began


main()

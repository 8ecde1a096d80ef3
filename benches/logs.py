#!/usr/bin/env python3
"""The log store through its API, beside `zstdcat | grep` over the same raw text.

`.venv/bin/python benches/logs.py [LINES]`: ingests by PutLogEvents, then looks for a needle, a JSON field, and the
last lines. Prints a table; LONGSHORE_BINARY names the binary (a release build, or the figures mean nothing).
"""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "acceptance"))

from support.longshore import Longshore  # noqa: E402

LINES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
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
    longshore = Longshore(node=False).start()
    try:
        measure(longshore)
    finally:
        longshore.remove()


def measure(longshore):
    raw = longshore.dir / "raw.log.zst"
    packer = subprocess.Popen(["zstd", "-q", "-3", "-o", str(raw)], stdin=subprocess.PIPE)
    logs = longshore.client("logs", retries={"total_max_attempts": 20, "mode": "standard"}, max_pool_connections=STREAMS)
    logs.create_log_group(logGroupName="bench")
    for stream in range(STREAMS):
        logs.create_log_stream(logGroupName="bench", logStreamName=str(stream))
    first = int(time.time() * 1000) - LINES // 100
    spent, lock, texts = [0.0], threading.Lock(), 0

    def put(number, batch):
        began = time.monotonic()
        logs.put_log_events(logGroupName="bench", logStreamName=str(number % STREAMS), logEvents=batch)
        with lock:
            spent[0] += time.monotonic() - began

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
    print(f"PutLogEvents          {LINES / took:,.0f} lines/s (client included), {spent[0] / (LINES / BATCH) * 1000:.0f} ms a call of {BATCH:,}")
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
    print(f"resident              {resident(pid, 'VmRSS:')} MiB now, {resident(pid, 'VmHWM:')} MiB at most; load {os.getloadavg()[0]:.0f}")


def search(logs, pattern, expected=1):
    began, found, token = time.monotonic(), 0, {}
    while True:
        page = logs.filter_log_events(logGroupName="bench", filterPattern=pattern, **token)
        found += len(page["events"])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert found == expected, f"{pattern}: {found}"
    return time.monotonic() - began


main()

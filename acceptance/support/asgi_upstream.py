"""A target that speaks HTTP/1.1 and HTTP/2, with TLS or without, as a process: `python asgi_upstream.py PORT NAME [CERTIFICATE KEY]`.

It answers with what it got as JSON; without TLS, HTTP/2 begins by prior knowledge.
"""

import asyncio
import json
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

PORT, NAME, *PAIR = sys.argv[1:]


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    length = 0
    while (event := await receive())["type"] == "http.request":
        length += len(event.get("body", b""))
        if not event.get("more_body"):
            break
    headers = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
    body = json.dumps({"name": NAME, "version": scope["http_version"], "scheme": scope["scheme"], "path": scope["path"],
                       "headers": headers, "length": length}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    config = Config.from_mapping(bind=[f"127.0.0.1:{PORT}"], accesslog=None, errorlog=None,
                                 **(dict(zip(("certfile", "keyfile"), PAIR)) if PAIR else {}))
    asyncio.run(serve(app, config))

"""The metadata service of an EC2 machine, at the address where the machine itself finds it.

Run on the machine as a script with the arguments ``REGION INSTANCE ROLE``. It wants a session's
token, as EC2 does (IMDSv2), and hands out the keys of the machine's role.
"""

from __future__ import annotations

import json
import socketserver
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS = "169.254.169.254"
_TOKEN = "token-of-this-machine"


class _Handler(BaseHTTPRequestHandler):
    answers: dict[str, str]

    def do_PUT(self) -> None:
        known = self.path == "/latest/api/token"
        self._say(200 if known else 404, _TOKEN if known else "")

    def do_GET(self) -> None:
        if self.headers.get("X-aws-ec2-metadata-token") != _TOKEN:
            self._say(401, "")
            return
        found = self.answers.get(self.path.removeprefix("/latest/meta-data/").rstrip("/"))
        self._say(404 if found is None else 200, found or "")

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        # What botocore checks before it believes in a token.
        self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "21600")
        self.end_headers()
        self.wfile.write(text.encode())


class _Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        # Without the look-up of its own name, which nobody here answers.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, 80


def main(region: str, instance: str, role: str) -> None:
    keys = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": "ASIA-of-the-role",
        "SecretAccessKey": "secret-of-the-role",
        "Token": "session-of-the-role",
        "LastUpdated": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Expiration": (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    _Handler.answers = {
        "instance-id": instance,
        "placement/region": region,
        "placement/availability-zone": f"{region}a",
        "iam/security-credentials": role,
        f"iam/security-credentials/{role}": json.dumps(keys),
    }
    _Server((ADDRESS, 80), _Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

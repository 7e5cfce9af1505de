#!/opt/assay/bin/python3 -IS
"""Answers every request with one text: `http-echo -text=hello -listen=:5678`."""

import argparse
import http.server


def main() -> None:
    """Answer for ever."""
    parser = argparse.ArgumentParser(prog="http-echo")
    parser.add_argument("-text", "--text", default="hello-world")
    parser.add_argument("-listen", "--listen", default=":5678")
    parser.add_argument("-status-code", "--status-code", type=int, default=200)
    asked = parser.parse_args()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = f"{asked.text}\n".encode()
            self.send_response(asked.status_code)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    host, _, port = asked.listen.rpartition(":")
    http.server.ThreadingHTTPServer((host or "0.0.0.0", int(port)), Handler).serve_forever()


main()

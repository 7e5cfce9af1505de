#!/opt/assay/bin/python3 -IS
"""Serves the files of a folder: `static-server PORT FOLDER`; a page of its own without any."""

import http.server
import os
import sys

PAGE = b"<!DOCTYPE html><title>Welcome</title><h1>Welcome</h1><p>This server works.</p>\n"


class Server(http.server.ThreadingHTTPServer):
    """A server that can start again at once."""

    allow_reuse_address = True
    daemon_threads = True


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files."""

    protocol_version = "HTTP/1.1"
    server_version = "static-server"
    sys_version = ""

    def do_GET(self) -> None:
        """Serve a file, or the page in place of a folder that holds nothing."""
        if self.path == "/" and not os.path.exists(os.path.join(self.directory, "index.html")):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)
        else:
            super().do_GET()


def main() -> None:
    """Serve for ever."""
    port, folder = int(sys.argv[1]), sys.argv[2]
    Server(
        ("0.0.0.0", port), lambda *arguments: Handler(*arguments, directory=folder)
    ).serve_forever()


main()

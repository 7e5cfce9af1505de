#!/opt/assay/bin/python3 -IS
"""Serves the files of a folder, as busybox does: `httpd -f -p PORT -h FOLDER`."""

import argparse
import functools
import http.server
import os


def main() -> None:
    """Serve, in the foreground with -f, else in the background."""
    parser = argparse.ArgumentParser(prog="httpd", add_help=False)
    parser.add_argument("-f", action="store_true", dest="foreground")
    parser.add_argument("-v", action="count")
    parser.add_argument("-p", default="80", dest="port")
    parser.add_argument("-h", default=".", dest="folder")
    asked = parser.parse_args()
    host, _, port = asked.port.rpartition(":")
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=os.path.abspath(asked.folder)
    )
    server = http.server.ThreadingHTTPServer((host or "0.0.0.0", int(port)), handler)
    if asked.foreground or os.fork() == 0:
        server.serve_forever()


main()

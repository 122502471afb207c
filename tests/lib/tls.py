"""A server behind TLS: what a reverse proxy in front of it is to a device."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """Files in PEM: one that signs itself, so that it is the authority to trust as well."""

    certificate: Path
    key: Path


def certificate(directory: Path, host: str) -> Certificate:
    """A new certificate for the host, of an authority that nobody else has."""
    made = Certificate(directory / f"{host}.crt", directory / f"{host}.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-out", made.certificate, "-keyout", made.key],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


class TlsFront:
    """Takes TLS connections on a port of 127.0.0.1 and passes what is in them on to the server's."""

    def __init__(self, server_port: int, shown: Certificate) -> None:
        self._server_port = server_port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(shown.certificate, shown.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # A client that does not trust the certificate ends the handshake: that is its right.
        with contextlib.suppress(OSError), self._context.wrap_socket(client, server_side=True) as inside:
            with socket.create_connection(("127.0.0.1", self._server_port)) as server:
                self._open += [inside, server]
                # TLS in Python is not for two threads at a time: one has the connection, and looks at both ends.
                inside.settimeout(0.02)
                server.settimeout(0.02)
                while _pass_on(inside, server) and _pass_on(server, inside):
                    pass

    def close(self) -> None:
        # Closing alone would not end an `accept` that waits.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.close()

    def __enter__(self) -> TlsFront:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pass_on(source: socket.socket, to: socket.socket) -> bool:
    """What has come, if anything; False at the end."""
    try:
        data = source.recv(65536)
    except TimeoutError:
        return True
    to.settimeout(None)
    to.sendall(data)
    to.settimeout(0.02)
    return bool(data)

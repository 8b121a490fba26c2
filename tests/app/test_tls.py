"""HTTPS for clients with a certificate of a given authority, and for nobody else."""

import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.app.serving import free_port, sample, started, wait_ready

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="makes keys with openssl")


AUTHORITY = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
"""What Python 3.13 asks of a certificate that signs others."""
NONE = ("basicConstraints=critical,CA:FALSE",)


def certificate(folder: Path, name: str, extensions: tuple[str, ...], *signed_by: str) -> None:
    """`name.pem` and `name.key`, signed by itself unless told otherwise."""
    made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
    named = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    for extension in extensions:
        named += ["-addext", extension]
    subprocess.run(
        ["openssl", "req", "-x509", *made, *files, *named, *signed_by],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def test_clients_need_a_certificate_of_the_authority(tmp_path: Path) -> None:
    certificate(tmp_path, "authority", AUTHORITY)
    by_authority = ("-CA", "authority.pem", "-CAkey", "authority.key")
    for name in ("server", "client"):
        certificate(tmp_path, name, NONE, *by_authority)
    certificate(tmp_path, "stranger", NONE)
    authority = tmp_path / "authority.pem"
    nobody, stranger, client = (ssl.create_default_context(cafile=authority) for _ in range(3))
    stranger.load_cert_chain(tmp_path / "stranger.pem", tmp_path / "stranger.key")
    client.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")

    port = free_port()
    address = f"https://127.0.0.1:{port}"
    keys = ("--tls-certificate", tmp_path / "server.pem", "--tls-key", tmp_path / "server.key")
    process = started(port, *map(str, keys), "--tls-client-ca", str(authority))
    try:
        wait_ready(address, process, client)
        body = {"samples": [sample()] * 50}
        reply = httpx.post(f"{address}/reward", json=body, verify=client, timeout=60)
        assert reply.json()["rewards"] == [1.0] * 50
        for context in (nobody, stranger):
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{address}/healthz", verify=context)
    finally:
        process.terminate()
        process.wait(60)

"""Certificates for tests of TLS, made with the openssl program."""

import shutil
import subprocess
import unittest


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr}")


class Authority:
    """A certificate authority; its files live in `directory`."""

    def __init__(self, directory, name="ca"):
        if shutil.which("openssl") is None:
            raise unittest.SkipTest("SKIPPED: the openssl program is not installed")
        self.directory = directory
        self.certificate = directory / f"{name}.crt"
        self.key = directory / f"{name}.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "10",
                 "-subj", f"/CN={name}", "-keyout", str(self.key), "-out", str(self.certificate))

    def issue(self, name, subject="/O=team-a/CN=test", names="DNS:localhost,DNS:store.example,IP:127.0.0.1", days=10):
        """(certificate path, key path); negative days give one that has expired. Replaces files of the same name."""
        certificate, key = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        new_certificate, new_key = self.directory / f"{name}.crt.new", self.directory / f"{name}.key.new"
        extensions.write_text(f"subjectAltName={names}\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject,
                 "-keyout", str(new_key), "-out", str(request))
        _openssl("x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self.key),
                 "-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", str(new_certificate))
        new_key.replace(key)
        new_certificate.replace(certificate)
        return certificate, key

#!/usr/bin/python3
"""A step of the cross-build that cannot be done ends it with a message that names the step.

Stand-ins for Debian's tools come first on the path; nothing is installed, fetched or built.
"""

import io
import os
import platform
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = "#!/bin/sh\necho 'install ok installed'\n"
SOURCES = "#!/bin/sh\ncase $* in *indextargets*) echo 'http://127.0.0.1:9/debian stable main' ;; *) {} ;; esac\n"


@unittest.skipUnless(platform.machine() == "x86_64", "skipped: cross-builds are for x86_64 machines")
class Broken(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        self.home = self.top / "home"
        self.tool("bin/dpkg-query", INSTALLED)
        self.tool("bin/apt-get", SOURCES.format("exit 100"))

    def tool(self, path, text):
        target = self.top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(0o755)

    def zig(self, text):
        self.tool("home/zig-0.15.2/bin/zig", text)

    def source(self, configure):
        """libpcap's source package with that configure script."""
        (self.home / "src").mkdir(parents=True)
        with tarfile.open(self.home / "src/libpcap_0.orig.tar.gz", "w:gz") as archive:
            entry = tarfile.TarInfo("libpcap/configure")
            entry.size, entry.mode = len(configure), 0o755
            archive.addfile(entry, io.BytesIO(configure))

    def says(self, *arguments):
        """What the build says before it fails."""
        run = subprocess.run(
            ["openwrt/build.sh", *arguments],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
            env={
                **os.environ, "PATH": f"{self.top}/bin:{os.environ['PATH']}", "NFA_CROSS_HOME": str(self.home),
                # Nobody listens there: as if there was no network.
                "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull,
            },
        )  # fmt: skip
        self.assertNotEqual(run.returncode, 0)
        return run.stderr

    def test_a_missing_package_is_named(self):
        self.tool("bin/dpkg-query", "#!/bin/sh\ncase $* in *rust-web-src*) exit 1 ;; esac\necho 'install ok installed'\n")
        self.tool("bin/id", "#!/bin/sh\necho 1000\n")
        said = self.says("mipsel")
        self.assertIn("please install: rust-web-src", said)
        self.assertIn("step 'Debian packages' failed", said)

    def test_a_package_that_cannot_be_installed_is_named(self):
        self.tool("bin/dpkg-query", "#!/bin/sh\ncase $* in *rustc-web*) exit 1 ;; esac\necho 'install ok installed'\n")
        self.tool("bin/id", "#!/bin/sh\necho 0\n")
        self.assertIn("step 'Debian packages' failed", self.says("mipsel"))

    def test_no_network_for_zig(self):
        try:
            import ensurepip  # noqa: F401
        except ImportError:
            self.skipTest("skipped: needs python3-venv: zig without a network")
        said = self.says("mipsel")
        self.assertRegex(said, r"step 'pip install ziglang 0\.15\.2' failed with status \d+; all it said is in ")

    def test_a_zig_that_does_not_run(self):
        self.zig("#!/bin/sh\necho no such processor >&2\nexit 3\n")
        said = self.says("mipsel")
        self.assertIn("step 'zig version' failed with status 3", said)
        self.assertIn("no such processor", said)

    def test_no_network_for_libpcap(self):
        self.zig("#!/bin/sh\n")
        self.assertIn("step 'apt-get update for libpcap's source' failed with status 100", self.says("mipsel"))

    def test_an_apt_without_an_archive(self):
        self.zig("#!/bin/sh\n")
        self.tool("bin/apt-get", "#!/bin/sh\n")
        self.assertIn("step 'Debian archive' failed", self.says("mipsel"))

    def test_a_compiler_that_fails(self):
        self.zig("#!/bin/sh\n")
        self.source(b"#!/bin/sh\necho cannot create executables\nexit 77\n")
        said = self.says("mipsel")
        self.assertIn("step 'configure libpcap for mipsel-unknown-linux-musl' failed with status 77", said)
        self.assertIn("cannot create executables", said)

    def test_a_target_that_there_is_not(self):
        said = self.says("mips64")
        self.assertIn("no such target: mips64", said)
        self.assertIn("mips_24kc", said)


if __name__ == "__main__":
    unittest.main()

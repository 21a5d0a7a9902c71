#!/usr/bin/python3
"""The feed's recipes, read by GNU make, say and install what the packer does.

OpenWrt's build system is not here. Stand-ins for its files give the recipes the names they use
(rules.mk, package.mk, rust-package.mk, luci.mk: see openwrt/openwrt and openwrt/packages), so that
make's syntax, the variables and the commands of Build/Prepare and install are run; compiling is not.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "openwrt"))
sys.dont_write_bytecode = True

import tree  # noqa: E402

RULES = """
INCLUDE_DIR:=$(TOPDIR)/include
STAGING_DIR:=$(TOPDIR)/staging
PKG_BUILD_DIR:=$(TOPDIR)/build
PKG_INSTALL_DIR:=$(TOPDIR)/install
TARGET_CROSS:=
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_CONF:=install -m0600
CP:=cp -fpR
"""
PACKAGE = """
define BuildPackage
  ifndef Package/$(1)/install
    $$(error no Package/$(1)/install)
  endif
  $$(eval $$(call Package/$(1)))
tell:
	@echo 'name=$(PKG_NAME)'
	@echo 'version=$(PKG_VERSION)-r$(PKG_RELEASE)'
	@echo 'license=$(PKG_LICENSE)'
	@echo 'license-files=$(PKG_LICENSE_FILES)'
	@echo 'maintainer=$(PKG_MAINTAINER)'
	@echo 'build-depends=$(PKG_BUILD_DEPENDS)'
	@echo 'section=$$(SECTION)'
	@echo 'title=$$(TITLE)'
	@echo 'depends=$$(DEPENDS)'
	@echo 'description=$$(strip $$(Package/$(1)/description))'
	@echo 'user=$$(USERID)'
	@echo 'conffiles=$$(strip $$(Package/$(1)/conffiles))'
	@echo 'profile=$$(CARGO_PKG_PROFILE)'
	@echo 'rustflags=$$(CARGO_RUSTFLAGS)'
	@echo 'vars=$$(CARGO_PKG_VARS)'
prepare:
	$$(Build/Prepare)
compile:
	$$(Build/Compile)
install:
	$$(call Package/$(1)/install,$(TOPDIR)/root)
endef
"""
RUST = """
RUST_ARCH_DEPENDS:=@(aarch64||arm||mips||mipsel||x86_64)
CARGO_RUSTFLAGS+=-Ctarget-feature=-crt-static
CARGO_PKG_PROFILE:=release
CARGO_PKG_VARS=RUSTFLAGS="$(CARGO_RUSTFLAGS)"
Build/Compile/Cargo=test -d $(PKG_INSTALL_DIR)
"""
LUCI = """
tell:
	@echo 'name=$(notdir $(CURDIR))'
	@echo 'license=$(PKG_LICENSE)'
	@echo 'maintainer=$(PKG_MAINTAINER)'
	@echo 'title=$(LUCI_TITLE)'
	@echo 'depends=$(LUCI_DEPENDS)'
	@echo 'pkgarch=$(LUCI_PKGARCH)'
"""


class Feed(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        for path, text in {
            "rules.mk": RULES,
            "include/package.mk": PACKAGE,
            "feeds/packages/lang/rust/rust-package.mk": RUST,
            "feeds/luci/luci.mk": LUCI,
        }.items():
            target = self.top / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.about = tree.descriptions()

    def make(self, package, goal, arch="mips", folder=None):
        run = subprocess.run(
            ["make", "-C", folder or ROOT / "openwrt" / package, "--no-print-directory",
             f"TOPDIR={self.top}", f"ARCH={arch}", goal],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def told(self, package, arch="mips", folder=None):
        return dict(line.split("=", 1) for line in self.make(package, "tell", arch, folder).splitlines())

    def test_the_recipe_says_what_the_packer_says(self):
        told, about = self.told("nfa"), self.about["nfa"]
        self.assertEqual(told["name"], "nfa")
        self.assertEqual(told["version"], f"{tree.version()}-r{self.about['release']}")
        for field in ("license", "maintainer"):
            self.assertEqual(told[field], self.about[field])
        for field in ("section", "title"):
            self.assertEqual(told[field], about[field])
        self.assertEqual(told["description"].split(), about["description"].split())
        self.assertEqual(told["conffiles"].split(), about["conffiles"])
        self.assertEqual(told["user"], about["user"])
        # Architectures it can be built for are no dependency of the package.
        self.assertEqual([word for word in told["depends"].split() if not word.startswith("@")], about["depends"])
        for name in told["license-files"].split():
            self.assertTrue((ROOT / name).is_file(), name)
        self.assertIn("rust/host", told["build-depends"].split())

    def test_the_program_will_be_static_and_of_our_profile(self):
        told = self.told("nfa")
        static = [flag for flag in told["rustflags"].split() if "crt-static" in flag]
        self.assertEqual(static[-1], "-Ctarget-feature=+crt-static")
        self.assertIn("RUSTFLAGS=\"" + told["rustflags"], told["vars"])
        with (ROOT / "Cargo.toml").open("rb") as file:
            profile = tomllib.load(file)["profile"][told["profile"]]
        self.assertTrue(profile["overflow-checks"])
        self.assertEqual(profile["panic"], "abort")
        for arch, narrow in {"mips": True, "mipsel": True, "arm": True, "aarch64": False, "x86_64": False}.items():
            flags = self.told("nfa", arch)["rustflags"]
            self.assertEqual("--cfg=libc_unstable_musl_v1_2" in flags, narrow, arch)

    def test_mips_is_compiled_with_the_flags_of_the_cross_build(self):
        of_llvm = re.compile(r"-Cllvm-args=[^\s)]+")
        wanted = of_llvm.findall((ROOT / "openwrt/toolchain.sh").read_text())
        self.assertGreater(len(wanted), 0)
        for arch, told in {"mips": wanted, "mipsel": wanted, "arm": []}.items():
            self.assertEqual(sorted(of_llvm.findall(self.told("nfa", arch)["rustflags"])), sorted(told), arch)

    def test_it_installs_the_files_of_the_packer(self):
        self.make("nfa", "prepare")
        program = self.top / "install/bin/nfa"
        program.parent.mkdir(parents=True)
        shutil.copy("/bin/true", program)
        wanted = tree.collect("nfa", "mips_24kc", 0, program)
        self.make("nfa", "install")
        root = self.top / "root"
        found = {
            "/" + path.relative_to(root).as_posix(): (path.stat().st_mode & 0o777, path.read_bytes())
            for path in root.rglob("*")
            if path.is_file()
        }
        self.assertEqual(found, {file.path: (file.mode, file.content) for file in wanted.files})

    def test_what_it_copies_is_enough_for_cargo(self):
        self.make("nfa", "prepare")
        if shutil.which("cargo") is None:
            self.skipTest("no cargo")
        subprocess.run(
            ["cargo", "metadata", "--locked", "--no-deps", "--format-version=1"],
            cwd=self.top / "build", check=True, capture_output=True,
        )  # fmt: skip

    def test_a_program_that_is_not_static_is_refused(self):
        (self.top / "build").mkdir()
        program = self.top / "install/bin/nfa"
        program.parent.mkdir(parents=True)
        cc = ["cc", "-x", "c", "-", "-o", program]
        subprocess.run([*cc, "-static"], input=b"int main(void) { return 0; }", check=True)
        self.make("nfa", "compile")
        subprocess.run(cc, input=b"int main(void) { return 0; }", check=True)
        self.assertRaises(AssertionError, self.make, "nfa", "compile")

    def test_the_recipe_of_the_pages(self):
        folder = self.top / "luci-app-nfa"
        shutil.copytree(ROOT / "openwrt/luci-app-nfa", folder)
        (folder / "root").mkdir(exist_ok=True)
        told, about = self.told("luci-app-nfa", folder=folder), self.about["luci-app-nfa"]
        self.assertEqual(told["name"], "luci-app-nfa")
        self.assertEqual(told["title"], about["title"])
        self.assertEqual(told["license"], self.about["license"])
        self.assertEqual(told["maintainer"], self.about["maintainer"])
        self.assertEqual([word.lstrip("+") for word in told["depends"].split()], about["depends"])
        self.assertEqual(told["pkgarch"], "all")


if __name__ == "__main__":
    unittest.main()

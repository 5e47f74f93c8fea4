"""Tools that de-identify DICOM files, in an environment of their own (PyPI).

They are run as their makers tell their users to, with what they do by default. None of them waits for the disk.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench.figure import PeerAbsent

FOLDER = Path(".bench/deid/peers").absolute()
PACKAGES = {"dicom-anonymizer": "2.1.0", "dicognito": "0.19.0", "deid": "0.4.13"}
TOOLS = tuple(PACKAGES)
# The command of deid reads identifiers but writes no files; its own examples call this function. The default recipe.
DEID = """
import sys
from deid.dicom import get_files, replace_identifiers
files = list(get_files(sys.argv[1], pattern="*"))
replace_identifiers(dicom_files=files, save=True, output_folder=sys.argv[2], overwrite=True, remove_private=True)
"""


def install() -> None:
    """Make the environment, once for these versions; what cannot be installed is missing later."""
    wanted = [f"{name}=={version}" for name, version in PACKAGES.items()]
    made = FOLDER / "made"
    if made.exists() and made.read_text() == " ".join(wanted):
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
    pip = [_python(), "-m", "pip", "--disable-pip-version-check", "-q", "install", *wanted]
    if subprocess.run(pip, check=False).returncode == 0:
        made.write_text(" ".join(wanted))


def command(tool: str, origin: Path, target: Path, *, keep_names: bool = False) -> list[str]:
    """What de-identifies a folder of files into another with a tool.

    :param keep_names: whether files must have the names of their originals; dicognito then rewrites a copy in place.

    :raises PeerAbsent: if the tool could not be installed.
    """
    if not (FOLDER / "made").exists():
        raise PeerAbsent(f"{tool} {PACKAGES[tool]} could not be installed from PyPI")
    target.mkdir()
    if tool == "dicom-anonymizer":
        return [str(FOLDER / "bin" / "dicom-anonymizer"), str(origin), str(target)]
    if tool == "dicognito":
        # The console script of 0.19 calls main() without arguments; the module runs.
        if keep_names:
            shutil.copytree(origin, target, dirs_exist_ok=True)
            return [_python(), "-m", "dicognito", "--quiet", "--in-place", str(target)]
        return [_python(), "-m", "dicognito", "--quiet", "--output-directory", str(target), str(origin)]
    return [_python(), "-c", DEID, str(origin), str(target)]


def _python() -> str:
    return str(FOLDER / "bin" / "python")

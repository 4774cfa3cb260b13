"""A stand-in for systemctl: it carries out what units say that `deploy/systemd` uses, and nothing else.

`systemctl.py UNITS VERB [--now] UNIT…`, where UNITS is the folder of installed units.
"""

from __future__ import annotations

import configparser
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil


class Unit:
    """One service's unit; its process, while there is one, is noted beside it."""

    def __init__(self, file: Path) -> None:
        parsed = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
        parsed.optionxform = str  # type: ignore[assignment,method-assign]
        parsed.read_string(file.read_text("utf-8"))
        self._service = parsed["Service"]
        self._pid = file.with_suffix(".pid")

    def start(self) -> None:
        name, _, value = self._service["Environment"].partition("=")
        environ = {**os.environ, name: value, **_settings(Path(self._service["EnvironmentFile"]))}
        command = shlex.split(self._service["ExecStart"])
        if self._service.get("Type") == "oneshot":
            code = subprocess.run(command, env=environ, check=False).returncode
            if code not in (0, int(self._service.get("SuccessExitStatus", "0"))):
                sys.exit(code)
            return
        with self._pid.with_suffix(".log").open("ab") as log:
            process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._pid.write_text(str(process.pid))

    def stop(self) -> None:
        if self._pid.exists():
            process = psutil.Process(int(self._pid.read_text()))
            process.terminate()
            process.wait(float(self._service["TimeoutStopSec"]))
            self._pid.unlink()

    def reload(self) -> None:
        # As the unit has it: /bin/kill -HUP $MAINPID
        assert self._service["ExecReload"].split()[1] == "-HUP"
        psutil.Process(int(self._pid.read_text())).send_signal(signal.SIGHUP)


def _settings(file: Path) -> dict[str, str]:
    lines = (line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return {name: "".join(shlex.split(value)) for name, _, value in (line.partition("=") for line in lines)}


def main(units: Path, verb: str, *arguments: str) -> None:
    named = [units / name for name in arguments if name != "--now"]
    for file in named:
        if not file.exists():
            sys.exit(f"Unit {file.name} not found.")
        if file.suffix == ".timer":  # the hours of the night do not pass here
            continue
        unit = Unit(file)
        if verb in ("stop", "restart") or (verb == "disable" and "--now" in arguments):
            unit.stop()
        if verb in ("start", "restart") or (verb == "enable" and "--now" in arguments):
            unit.start()
        if verb == "reload":
            unit.reload()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

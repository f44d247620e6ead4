"""Where the figures come from: machine, versions, commit, command."""

import datetime
import os
import platform
import shlex
import subprocess


def load():
    return round(os.getloadavg()[0], 2)


def cpu_model():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown CPU"


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def describe(server, arguments):
    commit = output_of("git", "-C", str(server.checkout), "describe", "--always", "--dirty", "--abbrev=10")
    return {
        "machine": f"{cpu_model()}, {os.cpu_count()} cores, {platform.machine()}",
        "system": f"{distribution()}, Linux {platform.release()}",
        "postgresql": output_of(str(server.programs / "postgres"), "--version"),
        "commit": commit or "unknown (no git)",
        "command": shlex.join(["test/bench/run", *arguments]),
        "date": datetime.date.today().isoformat(),
        "load_at_start": load(),
    }


def distribution():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown system"

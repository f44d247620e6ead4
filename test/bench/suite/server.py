"""The server that test/bench/run has made, its clients and its keyring."""

import os
import pathlib
import re
import subprocess

import psycopg2


class Server:
    def __init__(self, checkout, build, work, programs, socket, port, user):
        self.checkout = pathlib.Path(checkout)
        self.build = pathlib.Path(build)
        self.work = pathlib.Path(work)
        self.programs = pathlib.Path(programs)
        self.socket = socket
        self.port = port
        self.user = user
        # The server reads and writes here; it is the only one besides root.
        self.files = self.work / "tmp"

    @classmethod
    def from_environment(cls):
        names = ("CHECKOUT", "BUILD", "WORK", "BIN", "SOCKET", "PORT", "USER")
        return cls(*(os.environ[f"PII_BENCH_{name}"] for name in names))

    def connect(self, database="postgres"):
        connection = psycopg2.connect(host=self.socket, port=self.port, user="postgres", dbname=database)
        connection.autocommit = True
        return connection

    def keyring(self, command, *arguments):
        program = [self.programs / "pii-keyring", command, self.work / "keys" / "keyring.json", *arguments]
        subprocess.run(self.as_user(program), check=True, capture_output=True, cwd=self.work)

    def as_user(self, command):
        """The keyring stays the server's own file."""
        if os.geteuid() != 0:
            return command
        return ["setpriv", "--reuid", self.user, "--regid", self.user, "--init-groups", "--", *command]

    def pgbench(self, scripts, clients, seconds, options=(), settings="", database="postgres", protocol="prepared"):
        """Runs pgbench on scripts (name to text), which it mixes evenly; gives its output."""
        command = [self.programs / "pgbench", "--host", self.socket, "--port", self.port, "--username", "postgres",
                   "--no-vacuum", "--protocol", protocol, "--client", str(clients), "--time", str(seconds), *options]
        for name, text in scripts.items():
            path = self.files / f"{name}.pgbench"
            path.write_text(text)
            command += ["--file", path]
        done = subprocess.run([*command, database], env={**os.environ, "PGOPTIONS": settings}, capture_output=True,
                              text=True, cwd=self.files)
        if done.returncode != 0:
            raise RuntimeError(f"pgbench failed:\n{done.stderr}")
        return done.stdout

    def mean_latencies(self, scripts, **arguments):
        """Mean µs of a transaction of each script, all mixed in one pgbench."""
        output = self.pgbench(scripts, clients=1, **arguments)
        means = re.findall(r"- latency average = ([0-9.]+) ms", output)
        return dict(zip(scripts, (float(mean) * 1000 for mean in means), strict=True))

    def microseconds_per_transaction(self, name, script, clients, seconds, **arguments):
        """The inverse of the transactions a second of all clients together."""
        output = self.pgbench({name: script}, clients, seconds, **arguments)
        return 1e6 / float(re.search(r"^tps = ([0-9.]+)", output, re.MULTILINE).group(1))

    def latencies(self, scripts, seconds):
        """Every transaction's µs, by script."""
        prefix = self.files / "latency"
        for left in self.files.glob("latency.*"):
            left.unlink()
        self.pgbench(scripts, clients=1, seconds=seconds, options=("--log", "--log-prefix", prefix))
        names = list(scripts)
        values = {name: [] for name in names}
        for path in self.files.glob("latency.*"):
            if path.suffix == ".pgbench":
                continue
            for line in path.read_text().splitlines():
                _, _, microseconds, script, *_ = line.split()
                values[names[int(script)]].append(float(microseconds))
        return values

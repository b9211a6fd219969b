"""A Slurm cluster of one node on this machine, for as long as a test needs it.

munged, slurmctld and slurmd run on loopback with a key, sockets, ports and folders of their own, so that a cluster
which is really there is not touched: whatever speaks to this one has its SLURM_CONF in the environment. There is no
systemd, no database of accounts, and no cgroup: memory is looked at once a second, as in the simplest of real
clusters. `with Cluster() as cluster` leaves no process and no file behind.
"""
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel", "sinfo")
SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

CONFIGURATION = """\
ClusterName=fittest
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
AccountingStorageType=accounting_storage/none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
MinJobAge={min_job_age}
KillWait=2
ReturnToService=2
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes=node Default=YES MaxTime=60 State=UP
PartitionName=other Nodes=node MaxTime=60 State=UP
"""


class CannotStart(Exception):
    """Why there is no cluster; what a test that is skipped says."""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def real_memory_mib():
    for line in open("/proc/meminfo"):
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    raise CannotStart("/proc/meminfo has no MemTotal")


class Cluster:
    def __init__(self, min_job_age=300):
        missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCH) is None]
        if missing:
            raise CannotStart("not installed: %s (Debian: slurmctld slurmd slurm-client munge)" % ", ".join(missing))
        if os.geteuid() != 0:
            raise CannotStart("slurmd gives a job the identity of its user: it needs root")
        self.min_job_age = min_job_age
        self.daemons = []  # in the order they were started
        self.folder = None

    def __enter__(self):
        # Not below pytest's folder: the path of a socket may have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        self.folder.chmod(0o711)  # munged insists that everybody can reach its socket
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        controller_port, node_port = free_ports(2)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], user="root", folder=self.folder, controller_port=controller_port,
            node_port=node_port, cpus=os.cpu_count(), memory=min(4096, real_memory_mib()),
            min_job_age=self.min_job_age))
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self._daemon("munged", "--foreground", "--key-file=%s" % key, "--socket=%s/munge.socket" % self.folder,
                     "--pid-file=%s/munged.pid" % self.folder, "--seed-file=%s/munged.seed" % self.folder,
                     "--log-file=%s/munged.log" % self.folder, "--num-threads=2")
        self._wait_for("munged", lambda: (self.folder / "munge.socket").exists())
        self._daemon("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))
        self._daemon("slurmd", "-D", "-N", "node", "-f", str(self.folder / "slurm.conf"))
        self._wait_for("the node", lambda: self.run("sinfo", "--noheader", "--format=%T", "--partition=main").stdout
                       .split() == ["idle"])

    def environment(self, more=()):
        """What a program needs to speak to this cluster and to no other."""
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SCANCEL_", "SACCT_"))}
        environment["SLURM_CONF"] = str(self.folder / "slurm.conf")
        environment.update(more)
        return environment

    def run(self, *command, **more):
        return subprocess.run(command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=30, **more)

    def jobs(self):
        """Lines of squeue: jobs that wait or run."""
        return self.run("squeue", "--noheader", "--array", "--format=%i %T").stdout.splitlines()

    def job(self, number):
        """What scontrol says of each task of an array: field -> word."""
        listed = self.run("scontrol", "show", "job", "-o", str(number), check=True).stdout
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in listed.splitlines()]

    def wait_for_end(self, number, seconds=60):
        end = time.monotonic() + seconds
        while any(task["JobState"] in ("PENDING", "RUNNING", "COMPLETING") for task in self.job(number)):
            assert time.monotonic() < end, self.job(number)
            time.sleep(0.1)
        return self.job(number)

    def _daemon(self, name, *arguments):
        with open(self.folder / ("%s.out" % name), "wb") as out:
            self.daemons.append(subprocess.Popen([shutil.which(name, path=SEARCH), *arguments], cwd=self.folder,
                                                 env=self.environment(), stdin=subprocess.DEVNULL, stdout=out,
                                                 stderr=subprocess.STDOUT, start_new_session=True))

    def _wait_for(self, what, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            dead = [daemon.args[0] for daemon in self.daemons if daemon.poll() is not None]
            if dead or time.monotonic() > end:
                raise CannotStart("%s did not come up%s:\n%s" % (
                    what, "; ended: %s" % ", ".join(dead) if dead else "", self.last_words()))
            time.sleep(0.05)

    def last_words(self):
        """The end of what the daemons said."""
        said = []
        for file in sorted([*self.folder.glob("*.out"), *self.folder.glob("*.log")]):
            said += ["%s: %s" % (file.name, line) for line in file.read_text(errors="replace").splitlines()[-5:]]
        return "\n".join(said)

    def processes(self):
        """Everything that was started in this cluster, jobs with it."""
        mark = ("SLURM_CONF=%s/slurm.conf" % self.folder).encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    pass
        return found

    def __exit__(self, *_):
        try:
            for daemon in reversed(self.daemons):
                daemon.terminate()
                try:
                    daemon.wait(10)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
            # Jobs outlive their slurmd, so that it can be replaced while they run.
            end = time.monotonic() + 10
            while self.processes():
                for process in self.processes():
                    try:
                        os.kill(process, 9)
                    except ProcessLookupError:
                        pass
                assert time.monotonic() < end, self.processes()
                time.sleep(0.02)
        finally:
            shutil.rmtree(self.folder)

"""What GitHub and GitLab do with the files that `fittest ci` writes, as far as these files ask for it: jobs in their
order, each in a fresh copy of the repository; matrices, conditions, artifacts, caches. Containers are left out, and so
are the steps that install."""
import fnmatch
import itertools
import re
import shutil
import subprocess

_INSTALLING = {"Have fittest", "Have what the suite needs"}


def _copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _bash(script, folder, environment):
    done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=folder,
                          env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode("utf-8", "replace")


class Job:
    def __init__(self, name, variables, folder):
        self.name, self.variables, self.folder = name, variables, folder
        self.code, self.out = 0, ""

    def run(self, script, environment):
        code, out = _bash(script, self.folder, environment)
        self.out += "$ %s%s" % (script, out)
        self.code = self.code or code


class _Service:
    def __init__(self, file, repository, folder, environment):
        self.file, self.repository, self.folder, self.environment = file, repository, folder, environment
        self.jobs = []
        self.lost = None  # (job, its variables): the machine that goes away before it can hand anything over

    def begin(self, name, variables):
        workspace = self.folder / ("job-%d" % len(self.jobs))
        workspace.mkdir(parents=True)
        job = Job(name, variables, workspace)
        self.jobs.append(job)
        return job

    def is_lost(self, job):
        return self.lost is not None and (job.name, job.variables) == self.lost

    def of(self, name):
        return [job for job in self.jobs if job.name == name]

    def failed(self, name):
        return any(job.code for job in self.of(name))


class GitHub(_Service):
    """One push after another; the cache stays."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cache = {}  # key -> folder, in the order they were saved
        self.pushes = 0
        self.summary = ""

    def push(self):
        self.pushes += 1
        self.jobs, self.artifacts = [], {}
        self.folder = self.folder.parent / ("github-%d" % self.pushes)
        for name, job in self.file["jobs"].items():
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            assert all(self.of(other) for other in needed), "%s is before what it needs" % name
            if job.get("if") != "always()" and any(self.failed(other) for other in needed):
                continue
            matrix = job.get("strategy", {}).get("matrix", {})
            for values in itertools.product(*matrix.values()):
                self.run_job(name, job, dict(zip(matrix, values)))
        return self

    def run_job(self, name, job, matrix):
        known = {"matrix." + key: str(value) for key, value in matrix.items()}
        known.update({"github.run_id": str(self.pushes), "github.run_attempt": "1"})

        def put_in(text):
            return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: known[found.group(1)], str(text))

        put_in(job["container"])
        running = self.begin(name, matrix)
        summary = running.folder.parent / (running.folder.name + "-summary.md")
        environment = dict(self.environment, GITHUB_STEP_SUMMARY=str(summary), GITHUB_ACTIONS="true",
                           **{key: put_in(value) for key, value in job.get("env", {}).items()})
        for step in job["steps"]:
            if self.wanted(step.get("if"), running):
                if "run" in step:
                    if step["name"] not in _INSTALLING:
                        running.run(step["run"], environment)
                else:
                    self.use(step["uses"], {key: put_in(value) for key, value in step.get("with", {}).items()}, running)
        self.summary += summary.read_text() if summary.exists() else ""

    @staticmethod
    def wanted(condition, job):
        assert condition in (None, "always()"), condition
        return condition is not None or job.code == 0

    def use(self, action, given, job):
        if action == "actions/checkout@v4":
            _copy(self.repository, job.folder)
        elif action == "actions/cache/restore@v4":
            assert given["key"] not in self.cache
            found = [key for key in self.cache if key.startswith(given["restore-keys"])]
            if found:
                _copy(self.cache[found[-1]], job.folder / given["path"])
        elif action == "actions/cache/save@v4":
            if (job.folder / given["path"]).exists():
                self.cache[given["key"]] = self.folder.parent / "cache" / given["key"]
                _copy(job.folder / given["path"], self.cache[given["key"]])
        elif action == "actions/upload-artifact@v4":
            assert given["name"] not in self.artifacts, "an artifact can be uploaded once"
            path = job.folder / given["path"]
            if path.exists() and not self.is_lost(job):
                self.artifacts[given["name"]] = self.folder / "artifacts" / given["name"]
                _copy(path, self.artifacts[given["name"]] / ("" if path.is_dir() else path.name))
        elif action == "actions/download-artifact@v4":
            if "name" in given:
                _copy(self.artifacts[given["name"]], job.folder)
            else:
                assert given["merge-multiple"] == "True"
                for name in fnmatch.filter(self.artifacts, given["pattern"]):
                    _copy(self.artifacts[name], job.folder / given["path"])
        else:
            raise AssertionError(action)


class GitLab(_Service):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cache = {}
        self.pushes = 0

    def push(self):
        self.pushes += 1
        self.jobs = []
        self.folder = self.folder.parent / ("gitlab-%d" % self.pushes)
        store = self.folder / "artifacts"
        store.mkdir(parents=True)
        succeeded = True
        for stage in self.file["stages"]:
            kept = []
            for name, job in self.file.items():
                if isinstance(job, dict) and job.get("stage") == stage and (succeeded or job.get("when") == "always"):
                    job = dict(self.file[job["extends"]], **job)
                    for variables in self.parallel(job.get("parallel")):
                        kept.append(self.run_job(name, job, variables, store))
            # What jobs of one stage leave is for later stages.
            for folder, path in kept:
                if path and (folder / path).exists():
                    _copy(folder / path, store / path)
            succeeded = succeeded and not any(job.code for job in self.jobs)
        return self

    @staticmethod
    def parallel(wanted):
        if wanted is None:
            return [{}]
        if isinstance(wanted, int):
            return [{"CI_NODE_INDEX": str(i + 1), "CI_NODE_TOTAL": str(wanted)} for i in range(wanted)]
        return [dict(zip(axes, values)) for axes in wanted["matrix"] for values in itertools.product(*axes.values())]

    def run_job(self, name, job, variables, store):
        running = self.begin(name, variables)
        _copy(self.repository, running.folder)
        _copy(store, running.folder)
        cached = self.folder.parent / "cache" / job["cache"]["key"]
        path = job["cache"]["paths"][0]
        if cached.exists():
            _copy(cached, running.folder / path)
        environment = dict(self.environment, GITLAB_CI="true", **variables)
        for script in job["script"]:
            if running.code == 0:
                running.run(script, environment)
        if job["cache"]["policy"] == "pull-push" and (running.code == 0 or job["cache"].get("when") == "always"):
            if (running.folder / path).exists():
                _copy(running.folder / path, cached)
        kept = re.sub(r"\$(\w+)", lambda found: variables[found.group(1)], job["artifacts"]["paths"][0])
        if self.is_lost(running) or (running.code and job["artifacts"].get("when") != "always"):
            kept = None
        return running.folder, kept

"""`fittest ci`: what it writes passes the tools made to check it, and its scripts do what they are for."""
import html
import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as tree
from collections import Counter
from pathlib import Path

import pytest
from ci_services import GitHub, GitLab
from conftest import PROGRAM, PYTHON

ROOT = Path(__file__).parents[2]

NASTY = ["it's", "a b", "${{ github.token }}", "$(touch x)", "`id`", "$$", "\"", "\\", "new\nline", "-m", "*",
         "tests/test_a.py::test_b[x-'y']", "\u00e9\u6d4b", b"\xff\xc3", "# no comment", "a: b", "#", "!x", "3.10"]


def made_by(script):
    """What a script that makes a tool prints; the test is skipped, with its message, where it cannot."""
    made = subprocess.run([ROOT / "scripts" / script], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(made.stderr.strip().splitlines()[-1])
    return Path(made.stdout.strip())


@pytest.fixture(scope="session")
def tools():
    """The folder with check-jsonschema and kubernetes-validate."""
    return made_by("venv").parent


@pytest.fixture(scope="session")
def actionlint():
    return made_by("actionlint")


@pytest.fixture(scope="session")
def read_yaml(tools):
    def read(text):
        command = [tools / "python", "-c", "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin.buffer), sys.stdout)"]
        return json.loads(subprocess.run(command, input=text, capture_output=True, check=True).stdout)
    return read


def ci(folder, *arguments):
    done = subprocess.run([PROGRAM, "ci", *arguments], cwd=folder, capture_output=True, timeout=120,
                          env=dict(os.environ, PYTHON=PYTHON))
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def written(folder, *arguments):
    code, out, err = ci(folder, *arguments)
    assert code == 0, err
    return out


def passes(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode("utf-8", "replace")


def shellcheck(script):
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", "--shell=bash", "--severity=style", "-"], input=script.encode(),
                          stdout=subprocess.PIPE)
    assert done.returncode == 0, script + done.stdout.decode("utf-8", "replace")


CHUNKS = """
    [[chunk]]
    name = "unit.fast"
    paths = ["test_a.py"]
    timeout = 600

    [[chunk]]
    name = "UNIT_fast"
    paths = ["test_b.py"]
    after = ["unit.fast"]
"""

PIPELINES = {
    "groups": ["--splits", "3"],
    "one-group": ["--splits", "1"],
    "versions": ["--splits", "2", "--python-versions", "3.9,3.10,3.12", "--timeout", "15", "--budget", "75%"],
    "set-up": ["--splits", "2", "--image", "registry.example.org/a/suite:7", "--install", "curl -f https://example.org/x | sh",
               "--setup", "pip install -r requirements.txt", "--setup", "if [ -f a ]; then\n  echo \"it's: $HOME\" # x\nfi"],
    "nasty": ["--splits", "2", "--", *NASTY],
    "chunks": ["--chunks"],
    "chunks-versions": ["--python-versions", "3.9,3.12"],
}


@pytest.fixture(params=PIPELINES)
def pipeline(request, suite):
    if "chunks" in request.param:
        suite.file("fittest.toml", CHUNKS)
    return PIPELINES[request.param]


def check_github(text, folder, tools, read_yaml):
    file = folder / "workflow.yml"
    file.write_bytes(text)
    passes(tools / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", file)
    for job in read_yaml(text)["jobs"].values():
        for step in job["steps"]:
            if "run" in step:
                assert "${{" not in step["run"]
                shellcheck(step["run"])


def check_gitlab(text, folder, tools, read_yaml):
    file = folder / ".gitlab-ci.yml"
    file.write_bytes(text)
    passes(tools / "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", file)
    for job in read_yaml(text).values():
        for kind in ("before_script", "script", "after_script"):
            for script in job.get(kind, []) if isinstance(job, dict) else []:
                shellcheck(script)


def test_github_passes_its_checkers(suite, pipeline, tools, read_yaml):
    check_github(written(suite.folder, "github", *pipeline), suite.folder, tools, read_yaml)


def test_github_passes_actionlint(suite, pipeline, actionlint):
    file = suite.folder / "workflow.yml"
    file.write_bytes(written(suite.folder, "github", *pipeline))
    passes(actionlint, "-no-color", file)


def test_gitlab_passes_its_checkers(suite, pipeline, tools, read_yaml):
    check_gitlab(written(suite.folder, "gitlab", *pipeline), suite.folder, tools, read_yaml)


def arguments_of(script):
    """What bash gives to the command in the last line."""
    done = subprocess.run(["bash", "-c", "fittest() { printf '%s\\0' \"$@\"; }\n" + script], capture_output=True, check=True)
    return done.stdout.split(b"\0")[:-1]


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_arguments_arrive_as_they_were_typed(suite, service, read_yaml):
    typed = [word if isinstance(word, bytes) else word.encode() for word in NASTY]
    file = read_yaml(written(suite.folder, service, "--splits", "2", "--", *typed))
    if service == "github":
        scripts = [step["run"] for job in ("plan", "test") for step in file["jobs"][job]["steps"]
                   if step.get("name") in ("Plan the groups", "Run the group")]
    else:
        scripts = [file["plan"]["script"][0], file["test"]["script"][0]]
    assert len(scripts) == 2
    for script in scripts:
        assert arguments_of(script)[-len(typed):] == typed, script


def test_a_file_of_somebody_else_is_kept_unless_told(suite):
    file = suite.folder / ".github" / "workflows" / "fittest.yml"
    ask = ["github", "--splits", "2", "--out", str(file)]
    assert ci(suite.folder, *ask)[0] == 0
    assert file.read_bytes() == written(suite.folder, *ask[:3]).replace(b"--splits 2", b"--splits 2 --out " + bytes(file), 1)
    assert ci(suite.folder, *ask)[0] == 0, "its own file may be written anew"
    file.write_text("name: mine\n")
    code, out, err = ci(suite.folder, *ask)
    assert (code, out) == (4, b"")
    assert str(file) in err and "--force" in err
    assert file.read_text() == "name: mine\n"
    assert ci(suite.folder, *ask, "--force")[0] == 0
    assert file.read_text().startswith("# Written by: fittest ci github")
    assert [path.name for path in file.parent.iterdir()] == ["fittest.yml"]


def test_a_chunk_waits_for_those_it_comes_after_and_has_its_own_time(suite, read_yaml):
    suite.file("fittest.toml", CHUNKS)
    jobs = read_yaml(written(suite.folder, "github"))["jobs"]
    assert list(jobs) == ["chunk-unit_fast", "chunk-UNIT_fast_", "merge"]
    assert [jobs[name]["timeout-minutes"] for name in jobs] == [30, 60, 60]
    assert jobs["chunk-UNIT_fast_"]["needs"] == ["chunk-unit_fast"]
    assert jobs["merge"]["needs"] == ["chunk-unit_fast", "chunk-UNIT_fast_"]
    jobs = read_yaml(written(suite.folder, "gitlab"))
    assert [jobs[name]["timeout"] for name in ("chunk-unit.fast", "chunk-UNIT_fast")] == ["30 minutes", "60 minutes"]
    assert [needed["job"] for needed in jobs["chunk-UNIT_fast"]["needs"]] == ["chunk-unit.fast"]


def test_a_mistake_in_the_configuration_is_said_with_its_line(suite):
    suite.file("fittest.toml", CHUNKS.replace("unit.fast\"]", "unit\"]"))
    code, out, err = ci(suite.folder, "github")
    assert code == 4 and out == b"" and "fittest.toml:" in err, err


def test_chunks_have_arguments_of_their_own(suite):
    suite.file("fittest.toml", CHUNKS)
    code, out, err = ci(suite.folder, "github", "--", "-x")
    assert code == 4 and out == b"" and "-x" in err, err


@pytest.mark.parametrize("arguments, said", [
    (["github"], "--splits"),
    (["github", "--chunks"], "no chunks"),
    (["github", "--splits", "0"], "--splits"),
    (["github", "--splits", "257"], "256"),
    (["gitlab", "--splits", "101", "--python-versions", "3.9,3.10"], "200"),
    (["github", "--splits", "2", "--chunks"], "--chunks"),
    (["github", "--splits", "2", "--budget", "much"], "--budget"),
    (["github", "--splits", "2", "--budget", "200%"], "--budget"),
    (["github", "--splits", "2", "--python-versions", "3.9,${{ x }}"], "--python-versions"),
    (["github", "--splits", "2", "--image", "${{ secrets.x }}"], "--image"),
    (["github", "--splits", "2", "--out", "/proc/no/such.yml"], "/proc/no"),
    (["nowhere", "--splits", "2"], "subcommand"),
    ([], "subcommand"),
])
def test_what_cannot_be_is_said(suite, arguments, said):
    code, out, err = ci(suite.folder, *arguments)
    assert code == 4 and said in err and out == b"", err


# What follows runs what was written, in the places of the services.

SUITE = {"test_a": "def test_1(): pass\ndef test_2(): pass\ndef test_3(): pass",
         "test_b": "import pytest\n@pytest.mark.skip\ndef test_later(): pass\n"
                   "@pytest.mark.parametrize('x', [\"it's\", 'a b'])\ndef test_x(x): pass",
         "test_c": "def test_large(): bytearray(30 << 20)"}
TESTS = 7
SERVICES = {"github": GitHub, "gitlab": GitLab}


@pytest.fixture
def environment(suite, tmp_path):
    """`fittest` is a command, as it is in a job once it was installed."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "fittest").symlink_to(PROGRAM)
    found = suite.environment()
    return dict(found, PATH="%s:%s" % (tmp_path / "bin", found["PATH"]))


@pytest.fixture
def deploy(suite, tmp_path, read_yaml, environment):
    def deploy(service, *arguments):
        budget = [] if "--budget" in arguments else ["--budget", "1G"]
        file = read_yaml(written(suite.folder, service, *budget, *arguments))
        return SERVICES[service](file, suite.folder, tmp_path / "first", environment)
    return deploy


def cases(merge):
    """How often each test is in the merged JUnit file, and which of them failed."""
    found = tree.parse(merge.folder / "merged" / "junit.xml").getroot().iter("testcase")
    found = [(case.get("name"), case.find("failure") is not None) for case in found]
    return Counter(name for name, _ in found), [name for name, failed in found if failed]


def candidates(job):
    return json.loads(next(job.folder.glob("results/**/selection.json")).read_text())["candidates"]


def selected(job):
    found = json.loads(next(job.folder.glob("results/**/selection.json")).read_text())
    return [found["candidates"][place] for place in found["selected"]]


def known(folder):
    done = subprocess.run([PROGRAM, "history", "--json"], cwd=folder, capture_output=True, check=True)
    return json.loads(done.stdout)["known"]


@pytest.mark.parametrize("service", SERVICES)
def test_groups_run_every_test_once_and_the_history_goes_on(suite, deploy, service):
    suite.write(**SUITE)
    there = deploy(service, "--splits", "3").push()
    assert [job.name for job in there.jobs] == ["plan", "test", "test", "test", "merge"]
    assert [job.code for job in there.jobs] == [0] * 5, "".join(job.out for job in there.jobs)
    merge = there.of("merge")[0]
    times, failed = cases(merge)
    assert len(times) == TESTS and set(times.values()) == {1} and not failed, times
    assert known(merge.folder) == TESTS

    suite.file("test_a.py", "def test_1(): pass\ndef test_2(): assert False\ndef test_new(): pass")
    there.push()
    assert known(there.of("plan")[0].folder) == TESTS, "the history of the first push is not there"
    merge = there.of("merge")[0]
    assert sorted(job.code for job in there.of("test")) == [0, 0, 1]
    assert merge.code == 1 and "test_2" in merge.out, merge.out
    times, failed = cases(merge)
    assert len(times) == TESTS and set(times.values()) == {1} and failed == ["test_2"]
    assert known(merge.folder) == TESTS + 1
    if service == "github":
        assert "::error file=test_a.py,line=2" in merge.out, merge.out
        assert "test_a.py::test_2" in html.unescape(there.summary)


@pytest.mark.parametrize("service, variables", [("github", {"group": 2}),
                                                ("gitlab", {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "3"})])
def test_a_machine_that_goes_away_fails_the_merge_by_name(suite, deploy, service, variables):
    suite.write(**SUITE)
    there = deploy(service, "--splits", "3")
    there.lost = ("test", variables)
    there.push()
    merge = there.of("merge")[0]
    assert merge.code == 1, merge.out
    lost = (merge.folder / "merged" / "missing.txt").read_text().split("\n")[:-1]
    run = [name for job in there.of("test") if job.variables != variables for name in selected(job)]
    assert lost and sorted(run + lost) == sorted(candidates(there.of("test")[0])), lost
    assert all(name in merge.out for name in lost), merge.out


@pytest.mark.parametrize("service", SERVICES)
def test_each_version_of_python_runs_the_whole_suite(suite, deploy, service):
    suite.write(**SUITE)
    there = deploy(service, "--splits", "2", "--python-versions", "3.9,3.12", "--budget", "60%").push()
    assert [job.name for job in there.jobs] == ["plan"] * 2 + ["test"] * 4 + ["merge"]
    assert [job.code for job in there.jobs] == [0] * 7, "".join(job.out for job in there.jobs)
    times, failed = cases(there.of("merge")[0])
    assert sum(times.values()) == 2 * TESTS and not failed, times


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("versions", [[], ["--python-versions", "3.9,3.12"]], ids=["one", "two"])
def test_chunks_are_merged_whatever_becomes_of_one(suite, deploy, service, versions):
    suite.write(**SUITE, test_d="def test_bad(): assert False")
    suite.file("fittest.toml", """
        [[chunk]]
        name = "large"
        paths = ["test_c.py", "test_d.py"]
        timeout = 300
        [[chunk]]
        name = "rest"
        paths = ["test_a.py", "test_b.py"]
        after = ["large"]
    """)
    there = deploy(service, *versions).push()
    times = 2 if versions else 1
    assert [(job.name, job.code) for job in there.jobs] == (
        [("chunk-large", 1)] * times + [("chunk-rest", 0)] * times + [("merge", 1)]), "".join(j.out for j in there.jobs)
    found, failed = cases(there.of("merge")[0])
    assert sum(found.values()) == (TESTS + 1) * times and failed == ["test_bad"] * times
    assert (there.of("merge")[0].folder / "merged" / "missing.txt").read_text() == ""


def test_pods_run_every_test_once_within_what_they_ask_for(suite, read_yaml, environment, tmp_path):
    suite.write(**SUITE)
    assert suite.fittest().code == 0
    text = written(suite.folder, "kubernetes", "--splits", "3", "--image", "registry.example.org/suite:7", "--claim",
                   "results", "--python", environment["PYTHON"])
    job = read_yaml(text)
    notes = job["metadata"]["annotations"]
    assert "7 of 7 tests measured" in notes["fittest/memory"] and "guess" not in notes["fittest/memory"], notes
    assert "2 times" in notes["fittest/deadline"], notes
    container = job["spec"]["template"]["spec"]["containers"][0]
    script = container["args"][0].replace("/results", str(tmp_path / "results"))
    assert "$$" not in script and "$(" not in script, "Kubernetes would change it"
    shellcheck(script)
    for index in range(job["spec"]["completions"]):
        done = subprocess.run([*container["command"], script], cwd=suite.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=dict(environment, JOB_COMPLETION_INDEX=str(index)))
        assert done.returncode == 0, done.stdout.decode()
    done = subprocess.run([PROGRAM, "merge", tmp_path / "results", "--out", "merged"], cwd=suite.folder,
                          stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()
    found = tree.parse(suite.folder / "merged" / "junit.xml").getroot().iter("testcase")
    times = Counter(case.get("name") for case in found)
    assert len(times) == TESTS and set(times.values()) == {1}


@pytest.mark.parametrize("version", ["1.31.0", "1.37.0"])
def test_kubernetes_passes_its_schema(suite, tools, version):
    suite.write(**SUITE)
    file = suite.folder / "job.yml"
    for more in ([], ["--claim", "results", "--parallelism", "2", "--setup", "echo $(hostname) $$", "--", "-k", "test_1 or test_x"]):
        file.write_bytes(written(suite.folder, "kubernetes", "--splits", "3", "--image", "suite", *more))
        passes(tools / "kubernetes-validate", "--strict", "-k", version, file)


@pytest.mark.parametrize("arguments, said", [
    (["--splits", "2"], "--image"),
    (["--image", "suite"], "--splits"),
    (["--splits", "0", "--image", "suite"], "--splits"),
    (["--splits", "2", "--image", "suite", "--budget", "75%"], "--budget"),
    (["--splits", "2", "--image", "suite", "--budget", "1K"], "--budget"),
    (["--splits", "2", "--image", "suite", "--name", "Not A Name"], "--name"),
    (["--splits", "2", "--image", "suite", "-E", "peak >"], "-E"),
    (["--splits", "2", "--image", "suite", "--", "no_such_file.py"], "no_such_file.py"),
])
def test_what_kubernetes_cannot_be_told_is_said(suite, environment, arguments, said):
    suite.write(**SUITE)
    done = subprocess.run([PROGRAM, "ci", "kubernetes", *arguments], cwd=suite.folder, capture_output=True, env=environment)
    err = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 4 and said in err and done.stdout == b"", err

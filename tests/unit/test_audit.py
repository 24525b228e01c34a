"""The audit: every pin of every lock is asked about, and silence is never taken for an all-clear."""
import json
import os
import re
import subprocess
import sys

import pytest

from scripts import Fault, bootstrap
from scripts.release import advisories, locks
from tests.needs import ROOT

STAND_IN = """import json, sys
assert sys.argv[1] == "--requirement" and "--no-deps" in sys.argv and "--disable-pip" in sys.argv
answers = json.loads(%r)
found = []
for line in open(sys.argv[2]):
    name, version = line.strip().split("==")
    open(%r, "a").write(line)
    answer = answers.get(name, answers.get("*"))
    if answer is not None:
        found.append(dict(answer, name=name.replace("-", "_").title()))
print(json.dumps({"dependencies": found, "fixes": []}) if found else "")
sys.stderr.write("WARNING\\nno route to the service\\n")
"""
CLEAN, UNASKED = {"vulns": []}, {"skip_reason": "not found"}


def stand_in(folder, answers):
    """What is called like pip-audit and answers as it is told; it writes down what it is asked."""
    (folder / "audit.py").write_text(STAND_IN % (json.dumps(answers), str(folder / "asked")))
    return [sys.executable, str(folder / "audit.py")]


def test_every_pin_of_every_lock_is_asked_about_once_whatever_its_platform(tmp_path):
    written = set()
    for name in os.listdir(bootstrap.LOCKS):
        if name.endswith(".txt"):
            text = locks.text_of(os.path.join(bootstrap.LOCKS, name))
            written |= set(re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", text, re.M))
    assert set(advisories.pinned()) == {(locks.normalized(name), version) for name, version in written}
    assert len({version for name, version in advisories.pinned() if name == "numpy"}) > 1
    advisories.audit(stand_in(tmp_path, {"*": CLEAN}))
    asked = (tmp_path / "asked").read_text().split()
    assert sorted(asked) == sorted("{}=={}".format(*pin) for pin in advisories.pinned())


def test_advisories_on_the_stack_of_2021_are_a_report(tmp_path, capsys):
    ids = [{"id": f"CVE-2021-{number}"} for number in range(9)]
    (version,) = [version for name, version in advisories.pinned() if name == "keras-preprocessing"]
    advisories.audit(stand_in(tmp_path, {"*": CLEAN, "keras-preprocessing": {"vulns": ids}, "astunparse": UNASKED}))
    out = capsys.readouterr().out
    assert f"keras-preprocessing {version} (py36-keras231, py36-train): 9 advisories: CVE-2021-0, " in out \
        and ", …" in out
    assert "not audited: not found" in out
    assert re.search(r"\d+ packages, 1 with advisories, [1-9] not audited", out)


def test_an_advisory_on_what_current_pythons_get_ends_with_one_line(tmp_path):
    with pytest.raises(Fault, match=r"current Pythons get: hypothesis .*doit lock"):
        advisories.audit(stand_in(tmp_path, {"*": CLEAN, "hypothesis": {"vulns": [{"id": "CVE-1"}]}}))


@pytest.mark.parametrize("answers, words", [({}, "no route to the service: nothing was audited"),
                                            ({"*": UNASKED}, "not found.*nothing was audited"),
                                            ({"numpy": CLEAN}, "no route|no answer on")])
def test_where_the_service_does_not_answer_nothing_is_called_clean(tmp_path, answers, words):
    with pytest.raises(Fault, match=words):
        advisories.audit(stand_in(tmp_path, answers))


@pytest.mark.modern
def test_without_a_network_the_command_ends_with_one_line():
    nowhere = dict(os.environ, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0", PIP_CONFIG_FILE=os.devnull,
                   PYTHONIOENCODING="utf-8")
    nowhere.pop("PIP_EXTRA_INDEX_URL", None)
    done = subprocess.run([sys.executable, "-m", "scripts.audit"], cwd=ROOT, env=nowhere, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "pip-audit cannot be installed" in done.stderr and "nothing was audited" in done.stderr

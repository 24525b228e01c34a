"""--json prints one object, --quiet nothing; long lists are shortened for people; check says what is out of date."""
import json
import os
import re
import subprocess
import sys

import pytest

from scripts import Fault, check, doctor, preprocess, summary, verify
from scripts.base import fault
from scripts.layers import outputs
from tests import needs
from tests.unit import handmade


def printed(capsys):
    found = capsys.readouterr()
    assert found.err == ""
    return found.out


def keys(command):
    """The keys at the top of a command's object in docs/json.md."""
    with open(os.path.join(needs.ROOT, "docs", "json.md"), encoding="utf-8") as stream:
        example = re.search(f"\n## {command}\n.*?```json\n(.*?)```", stream.read(), re.DOTALL).group(1)
    return json.loads(example)


def test_preprocess_prints_the_object_that_is_documented(capsys, tmp_path):
    path = handmade.h5(tmp_path / "model.h5")
    preprocess.main([path, str(tmp_path / "out"), "--json"])
    found = json.loads(printed(capsys))
    assert set(found) == set(keys("preprocess"))
    assert found["model"] == str(tmp_path / "out" / "model.json") and found["format"] == "layers"
    assert set(found["files"]) == set(os.listdir(str(tmp_path / "out")))
    preprocess.main([path, str(tmp_path / "out"), "--format", "graph", "--json"])
    assert json.loads(printed(capsys))["format"] == "graph"
    preprocess.main([path, str(tmp_path / "out"), "--quiet"])
    assert printed(capsys) == ""


def test_summary_prints_the_object_that_is_documented(capsys, tmp_path):
    path = handmade.h5(tmp_path / "model.h5")
    summary.main([path, "--json"])
    found = json.loads(printed(capsys))
    assert set(found) == set(keys("summary"))
    assert all(set(row) == set(keys("summary")["layers"][0]) for row in found["layers"])
    preprocess.main([path, "--summary", "--json"])
    assert json.loads(printed(capsys)) == found
    summary.main([path, "--quiet"])
    assert printed(capsys) == ""
    with pytest.raises(Fault):
        summary.main([str(tmp_path / "none.h5"), "--json"])
    assert printed(capsys) == ""


def test_verify_prints_its_report_in_the_place_of_the_table(capsys, monkeypatch, tmp_path):
    report = keys("verify")
    monkeypatch.setattr(verify, "verify", lambda *given: verify.Verified(report, {}))
    path = handmade.h5(tmp_path / "model.h5")
    preprocess.main([path, str(tmp_path / "out"), "--quiet"])
    for arguments in (["--json"], ["--json", "-"], ["--json=-", "--quiet"]):
        assert verify.main([path, str(tmp_path / "out")] + arguments) == 0
        assert json.loads(printed(capsys)) == report
    verify.main([path, str(tmp_path / "out"), "--quiet"])
    assert printed(capsys) == ""
    verify.main([path, str(tmp_path / "out"), "--json", str(tmp_path / "report.json")])
    assert "every output agrees" in printed(capsys) and json.loads((tmp_path / "report.json").read_text()) == report


def test_the_report_of_verify_has_the_keys_that_are_documented():
    import numpy
    row = verify.compare("conv", numpy.zeros((4, 2)), numpy.zeros((4, 2)))
    assert set(row) == set(keys("verify")["outputs"][0])


def test_doctor_prints_the_object_that_is_documented(capsys, monkeypatch):
    monkeypatch.setattr(doctor.machine, "examine", lambda: iter([doctor.Found("MISSING", "packages: none")]))
    assert doctor.main(["--json"]) == 1
    found = json.loads(printed(capsys))
    assert set(found) == set(keys("doctor")) and found["missing"] is True
    assert {"mark": "MISSING", "line": "packages: none"} in found["found"]
    assert doctor.main(["--quiet"]) == 1 and printed(capsys) == ""


@pytest.mark.parametrize("name, processor, mark, said", [
    ("Linux", "x86_64", "ok", "Linux"), ("Darwin", "arm64", "ok", "Darwin"),
    ("Darwin", "x86_64", "-", "training does not"), ("Windows", "AMD64", "MISSING", "WSL")])
def test_doctor_says_what_a_platform_can_do(name, processor, mark, said):
    found = doctor.system(name, processor)
    assert found.mark == mark and said in found.line


@pytest.mark.parametrize("module", ["fcntl", "resource"])
def test_on_windows_one_line_names_wsl(module):
    assert "WSL" in fault.lacking(ModuleNotFoundError(name=module))
    code = (f"import sys; sys.modules[{module!r}] = None; sys.argv = ['scripts/bootstrap.py', 'convert']; "
            "import runpy; runpy.run_path('scripts/bootstrap.py', run_name='__main__')") if module == "fcntl" else \
        f"import sys; sys.argv[0] = '-m'; sys.modules[{module!r}] = None; import scripts.builds.run"
    if module == "resource":
        asked = (f"import sys; sys.modules[{module!r}] = None; from doit.doit_cmd import DoitMain; "
                 "sys.exit(DoitMain().run(['list']))")
        done = subprocess.run([sys.executable, "-c", asked], cwd=needs.ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr.decode().count("\n")) == (1, 1) and b"WSL" in done.stderr
    else:
        asked = f"import sys; sys.modules[{module!r}] = None\ntry: from scripts import convert\n" \
                "except BaseException as error: print(type(error).__name__, error)"
        done = subprocess.run([sys.executable, "-c", asked], cwd=needs.ROOT, stdout=subprocess.PIPE)
        assert done.stdout.startswith(b"Fault no fcntl here") and b"WSL" in done.stdout
    done = subprocess.run([sys.executable, "-c", code], cwd=needs.ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert done.returncode == 1 and done.stderr.decode().count("\n") == 1 and b"WSL" in done.stderr


def test_long_lists_are_shortened_for_people_and_whole_for_programs():
    names = [f"layer_{number}" for number in range(175)]
    assert outputs.shortened(names) == ", ".join(names[:11]) + ", … layer_174"
    assert outputs.shortened(names[:12]) == ", ".join(names[:12])


# check --------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A directory with a model that tensorspace-build has converted."""
    place = tmp_path_factory.mktemp("built")
    handmade.h5(place / "mine.h5")
    (place / "models").mkdir()
    (place / "models" / "models.toml").write_text('[mine]\nsource = "mine.h5"\n')
    done = run(place, "build", "convert")
    assert done.returncode == 0, done.stderr
    return place


def run(place, module, *arguments):
    return subprocess.run([sys.executable, "-m", "scripts." + module] + list(arguments), cwd=str(place),
                          env=dict(os.environ, PYTHONPATH=needs.ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)


def test_check_tells_a_model_that_is_not_what_its_source_gives(built, capsys, monkeypatch):
    monkeypatch.chdir(str(built))
    assert check.main([]) == 0 and printed(capsys) == ""
    assert check.main(["--json", "models/models.toml"]) == 0
    found = json.loads(printed(capsys))
    assert set(found) == set(keys("check")) and found["models"][0]["why"] == ""
    home = built / "models" / "json_models" / "mine"
    for path, said in [(built / "mine.h5", "mine.h5 changed"), (home / "model.json", "is not what was written"),
                       (home / "manifest.json", "is damaged")]:
        before = path.read_bytes()
        path.write_bytes(before[:-1] + b"x")
        assert check.main([]) == 1
        line = capsys.readouterr().err
        assert said in line and line.count("\n") == 1 and "convert:mine" in line
        path.write_bytes(before)
    with open(str(built / "models" / "models.toml"), "a") as stream:
        stream.write('quantize = "uint8"\n')
    assert check.main(["--quiet"]) == 1 and "its settings changed" in capsys.readouterr().err


def test_the_hook_runs_a_command_that_is_installed():
    with open(os.path.join(needs.ROOT, ".pre-commit-hooks.yaml")) as stream:
        entry = re.search(r"^  entry: (\S+)$", stream.read(), re.M).group(1)
    with open(os.path.join(needs.ROOT, "setup.cfg")) as stream:
        assert f"    {entry} = tensorspace_keras.check:entry\n" in stream.read()


def test_an_option_that_doit_lacks_is_one_line_and_status_1(built):
    done = run(built, "build", "-q")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "ERROR: option -q not recognized (`doit help run` shows what there is)\n"

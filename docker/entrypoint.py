"""What the image runs: doit on the mounted project, with its dodo.py, or else with the one that is baked in.

No arguments mean `doit convert`; a first word other than `doit` is run as it stands.
"""
import os
import sys

BAKED = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
READING = [[word] for word in ("dumpdb", "help", "info", "list", "tabcompletion")]  # doit commands that build nothing


def refuse(line):
    sys.stderr.write(line + "\n")
    raise SystemExit(1)


def main(arguments):
    arguments = arguments or ["doit", "convert"]
    if arguments[0] != "doit":
        try:
            os.execvp(arguments[0], arguments)
        except OSError as error:
            refuse(f"{arguments[0]} cannot be run: {error.strerror}; `doit list` shows what there is")
    place = "models" if os.path.isdir("models") else "."
    if not os.access(place, os.W_OK) and arguments[1:2] not in READING:
        refuse("%s cannot be written by user %d: mount a directory of yours on it and add --user \"$(id -u):$(id -g)\""
               % (os.path.abspath(place), os.getuid()))
    dodo = os.path.abspath("dodo.py")
    if not os.path.exists(dodo):
        dodo = os.path.join(BAKED, "dodo.py")
        if not os.path.exists("models/models.toml"):
            refuse(f"{os.getcwd()} has no models/models.toml, which says what to build: write one, as in: [mine] and "
                   "below it "
                   "source = \"model.h5\"")
    from doit.doit_cmd import DoitMain
    sys.argv = arguments
    config = {"GLOBAL": {"dodoFile": dodo, "cwdPath": os.getcwd()}}
    raise SystemExit(DoitMain(extra_config=config).run(arguments[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Starts a program as systemd does with sockets: `handover.py NAMES DESCRIPTORS PROGRAM ARGUMENTS...`.

The descriptors (with commas) become 3, 4, … in the program; the names (with colons) may be "" for none.
"""
import fcntl
import os
import sys

FIRST = 3
# Above all that are in use, so that moving one cannot close another.
ASIDE = 100


def main() -> None:
    names, descriptors, *command = sys.argv[1:]
    aside = [fcntl.fcntl(int(number), fcntl.F_DUPFD, ASIDE) for number in descriptors.split(",")]
    for place, number in enumerate(aside, FIRST):
        os.dup2(number, place)
        os.close(number)
    os.closerange(FIRST + len(aside), ASIDE + len(aside))
    # The process keeps its number over exec, and the program compares.
    os.environ.update(LISTEN_FDS=str(len(aside)), LISTEN_PID=os.environ.get("LISTEN_PID", str(os.getpid())))
    if names:
        os.environ["LISTEN_FDNAMES"] = names
    os.execv(command[0], command)


if __name__ == "__main__":
    main()

"""A checker of launchd property lists for machines that have no launchd: the keys of launchd.plist(5), and the types of their values.

plistlib reads what a Mac's parser reads; what it cannot know is which keys there are, and launchd passes over those that it does not.
"""
import plistlib
import re
from pathlib import Path

Dictionary = dict[str, object]
LIMITS: Dictionary = {name: int for name in ("Core", "CPU", "Data", "FileSize", "MemoryLock", "NumberOfFiles",
                                             "NumberOfProcesses", "ResidentSetSize", "Stack")}
SOCKET: Dictionary = {
    "SockType": {"stream", "dgram", "seqpacket"}, "SockPassive": bool, "SockNodeName": str, "SockServiceName": (str, int),
    "SockFamily": {"IPv4", "IPv6", "IPv4v6", "Unix"}, "SockProtocol": {"TCP", "UDP"}, "SockPathName": str,
    "SecureSocketWithKey": str, "SockPathOwner": int, "SockPathGroup": int, "SockPathMode": int, "Bonjour": (bool, str, list),
    "MulticastGroup": str,
}
CALENDAR: Dictionary = {name: int for name in ("Minute", "Hour", "Day", "Weekday", "Month")}
KEEP_ALIVE: Dictionary = {"SuccessfulExit": bool, "Crashed": bool, "NetworkState": bool, "PathState": {str: bool},
                          "OtherJobEnabled": {str: bool}, "AfterInitialDemand": bool}
# A type or a tuple of them; a set: one of these strings; a list: an array of such; {str: X}: a dictionary with names of one's own;
# another dictionary: these keys and no other.
KEYS: Dictionary = {
    "Label": str, "Disabled": bool, "UserName": str, "GroupName": str, "inetdCompatibility": {str: bool}, "LimitLoadToHosts": [str],
    "LimitLoadFromHosts": [str], "LimitLoadToSessionType": (str, list), "Program": str, "BundleProgram": str,
    "ProgramArguments": [str], "EnableGlobbing": bool, "EnableTransactions": bool, "EnablePressuredExit": bool,
    "OnDemand": bool, "ServiceIPC": bool, "KeepAlive": (bool, KEEP_ALIVE), "RunAtLoad": bool, "RootDirectory": str,
    "WorkingDirectory": str, "EnvironmentVariables": {str: str}, "Umask": (int, str), "TimeOut": int, "ExitTimeOut": int,
    "ThrottleInterval": int, "InitGroups": bool, "WatchPaths": [str], "QueueDirectories": [str], "StartOnMount": bool,
    "StartInterval": int, "StartCalendarInterval": (CALENDAR, [CALENDAR]), "StandardInPath": str, "StandardOutPath": str,
    "StandardErrorPath": str, "Debug": bool, "WaitForDebugger": bool, "SoftResourceLimits": LIMITS, "HardResourceLimits": LIMITS,
    "Nice": int, "ProcessType": {"Background", "Standard", "Adaptive", "Interactive"}, "AbandonProcessGroup": bool,
    "LowPriorityIO": bool, "LowPriorityBackgroundIO": bool, "MaterializeDatalessFiles": bool, "LaunchOnlyOnce": bool,
    "MachServices": {str: (bool, {"ResetAtClose": bool, "HideUntilCheckIn": bool})}, "Sockets": {str: (SOCKET, [SOCKET])},
    "LaunchEvents": dict, "HopefullyExitsLast": bool, "HopefullyExitsFirst": bool, "SessionCreate": bool, "LegacyTimers": bool,
    "AssociatedBundleIdentifiers": (str, list),
}


def mistakes(path: Path) -> list[str]:
    """All of a file, each with the place where it is."""
    try:
        job = plistlib.loads(path.read_bytes(), fmt=plistlib.FMT_XML)
    except Exception as error:  # noqa: BLE001: the parser lets those of expat, ValueError and others through
        return [f"not a property list: {error}"]
    if not isinstance(job, dict):
        return ["a job is a dictionary"]
    found = twice(path.read_text()) + against(KEYS, job, "")
    found += [f"{key}: is missing" for key in ("Label",) if key not in job]
    if not {"Program", "ProgramArguments", "BundleProgram"} & job.keys():
        found.append("ProgramArguments: is missing")
    return found


def twice(text: str) -> list[str]:
    """Keys that stand twice in one dictionary; a parser takes one of them and says nothing."""
    found, open_ones = [], []
    for token in re.findall(r"<dict>|</dict>|<key>[^<]*</key>", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)):
        if token == "<dict>":
            open_ones.append(set())
        elif token == "</dict>":
            open_ones.pop()
        elif token in open_ones[-1]:
            found.append(f"{token[5:-6]}: stands twice")
        else:
            open_ones[-1].add(token)
    return found


def against(wanted, value, place: str) -> list[str]:
    """What is wrong with a value, by what is wanted of it."""
    where = place or "the job"
    if isinstance(wanted, tuple):
        tries = [against(one, value, place) for one in wanted]
        # The one that came nearest tells what to mend: of a dictionary with a wrong key, the key.
        fitting = [found for one, found in zip(wanted, tries, strict=True) if same_shape(one, value)]
        return [] if [] in tries else (fitting or [[f"{where}: is {value!r}"]])[0]
    if isinstance(wanted, set):
        return [] if value in wanted else [f"{where}: is {value!r}, none of {', '.join(sorted(wanted))}"]
    if not same_shape(wanted, value):
        name = wanted.__name__ if isinstance(wanted, type) else "array" if isinstance(wanted, list) else "dictionary"
        return [f"{where}: is {value!r}, and not of type {name}"]
    if isinstance(wanted, list):
        return [wrong for number, one in enumerate(value) for wrong in against(wanted[0], one, f"{place}[{number}]")]
    if not isinstance(wanted, dict):
        return []
    found = []
    for key, one in value.items():
        inner = wanted.get(key, wanted.get(str))
        below = f"{place}.{key}" if place else key
        found += [f"{below}: there is no such key"] if inner is None else against(inner, one, below)
    return found


def same_shape(wanted, value) -> bool:
    if isinstance(wanted, type):
        # To Python, true is a number as well.
        return type(value) is wanted
    return type(value) is type(wanted) if isinstance(wanted, (list, dict)) else isinstance(value, str)

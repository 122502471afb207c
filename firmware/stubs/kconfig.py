"""Writes sdkconfig.h as ESP-IDF would, for the options that are known here.

kconfig.py KCONFIG HEADER [OPTION=VALUE ...] DEFAULTS...

ESP-IDF silently drops a line of sdkconfig.defaults whose option does not exist, is ruled out by others, or has a value out
of range. Here each of these is an error.
"""

import re
import sys

import kconfiglib

LINE = re.compile(r"CONFIG_(\w+)=(.*)")


def wanted(defaults: list[str]) -> dict[str, tuple[str, str]]:
    """Option: its value and where it is set; a later file has the last word."""
    options = {}
    for name in defaults:
        with open(name, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                line = line.strip()
                if match := LINE.fullmatch(line):
                    options[match[1]] = match[2].strip('"'), f"{name}:{number}"
                elif line and not line.startswith("#"):
                    sys.exit(f"{name}:{number}: no option and no comment: {line}")
    return options


def main() -> None:
    kconfig_file, header, *rest = sys.argv[1:]
    kconfig = kconfiglib.Kconfig(kconfig_file, warn=False)
    defaults = [word for word in rest if "=" not in word]
    for name in defaults:
        kconfig.load_config(name, replace=False)
    for word in rest:
        name, equals, value = word.partition("=")
        if equals and not kconfig.syms[name].set_value(value):
            sys.exit(f"{name} cannot be {value}")
    for name, (value, where) in wanted(defaults).items():
        symbol = kconfig.syms.get(name)
        if symbol is None or not symbol.nodes:
            sys.exit(f"{where}: ../stubs/Kconfig knows no option CONFIG_{name}")
        if symbol.str_value != value:
            got = symbol.str_value or "nothing, for other options rule it out"
            sys.exit(f"{where}: CONFIG_{name} does not become {value} but {got}")
    kconfig.write_autoconf(header, "/* Generated for the stub check. */\n")


main()

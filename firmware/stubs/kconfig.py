"""Writes sdkconfig.h as ESP-IDF would, for the options that the sources look at.

kconfig.py KCONFIG HEADER [OPTION=VALUE ...] DEFAULTS...
"""

import sys

import kconfiglib


def main() -> None:
    kconfig_file, header, *rest = sys.argv[1:]
    kconfig = kconfiglib.Kconfig(kconfig_file, warn=False)
    for word in rest:
        if "=" in word:
            continue
        kconfig.load_config(word, replace=False)
    for word in rest:
        name, equals, value = word.partition("=")
        if equals and not kconfig.syms[name].set_value(value):
            sys.exit(f"{name} cannot be {value}")
    kconfig.write_autoconf(header, "/* Generated for the stub check. */\n")


main()

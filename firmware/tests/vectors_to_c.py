#!/usr/bin/env python3
"""Turns the test vectors of the device channel into a C header, for tests in a language without a JSON reader."""

import base64
import json
import sys
from pathlib import Path


def c_bytes(data: bytes) -> str:
    """A C string with every byte as an octal escape, which cannot run into the next one."""
    return '"' + "".join(f"\\{byte:03o}" for byte in data) + '"'


def c_text(value: str | None) -> str:
    return "NULL" if value is None else c_bytes(value.encode())


def body(case: dict) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()


def to_device(case: dict) -> str:
    m = case["meaning"]
    text = body(case)

    def number(key: str) -> int:
        return int(m[key]) if key in m and key != "size" else -1

    image = m["size"] if m["kind"] == "update" else 0
    signature = base64.b64decode(m["signature"]) if "signature" in m else b""
    fields = [
        f".about = {c_text(case['about'])}",
        f".text = {c_bytes(text)}",
        f".len = {len(text)}",
        f".kind = {c_text(m['kind'])}",
        f".field = {c_text(m.get('field'))}",
        f".id = {m.get('id', -1)}",
        f".size = {c_text(m.get('size') if m['kind'] != 'update' else None)}",
        *(f".{key} = {number(key)}" for key in ("quality", "fps", "hflip", "vflip", "led", "adapt", "save")),
        f".viewers = {m.get('viewers', -1)}",
        f".url = {c_text(m.get('url'))}",
        f".image = {image}",
        f".sha256 = {c_bytes(bytes.fromhex(m.get('sha256', '')))}",
        f".signature = {c_bytes(signature)}",
        f".signature_len = {len(signature)}",
    ]
    return "    {" + ", ".join(fields) + "},\n"


def from_device(case: dict) -> str:
    return f"    {{{c_text(case['about'])}, {c_text(case['text'])}}},\n"


def main() -> None:
    cases = {Path(name).stem: json.loads(Path(name).read_text())["cases"] for name in sys.argv[1:]}
    print("/* Made by vectors_to_c.py. */")
    print("static const to_device_case to_device_cases[] = {")
    print("".join(to_device(case) for case in cases["to_device"]), end="")
    print("};")
    print("static const from_device_case from_device_cases[] = {")
    print("".join(from_device(case) for case in cases["from_device"] if case["written"]), end="")
    print("};")


main()

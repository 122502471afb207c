"""Checks a partition table against the rules of ESP-IDF that its own tool would only tell in a build.

partitions.py CSV FLASH_SIZE_IN_MB
"""

import sys

TABLE_END = 0x9000  # where the bootloader and the table itself end, by default
SECTOR = 0x1000
APP_ALIGN = 0x10000
SUBTYPES = {"app": ("factory", "ota_"), "data": ("nvs", "phy", "ota")}


def rows(path: str) -> list[tuple[str, str, str, int, int]]:
    found = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip() and not line.startswith("#"):
                cells = [cell.strip() for cell in line.split(",")]
                if len(cells) != 5:
                    sys.exit(f"{path}:{number}: name, type, subtype, offset, size expected")
                name, kind, subtype, offset, size = cells
                found.append((name, kind, subtype, int(offset, 0), int(size, 0)))
    return found


def main() -> None:
    path, flash = sys.argv[1], int(sys.argv[2]) << 20
    end = TABLE_END
    kinds = []
    for name, kind, subtype, offset, size in rows(path):
        if len(name) > 16:
            sys.exit(f"{path}: the name {name} is longer than 16 characters")
        if not subtype.startswith(SUBTYPES.get(kind, ())):
            sys.exit(f"{path}: {name}: there is no type {kind}, {subtype}")
        if offset < end:
            sys.exit(f"{path}: {name} begins at {offset:#x}, before {end:#x}, where the one before it ends")
        if offset % (APP_ALIGN if kind == "app" else SECTOR) or size % SECTOR or size == 0:
            sys.exit(f"{path}: {name} is not aligned: {offset:#x}, {size:#x}")
        end = offset + size
        kinds.append((subtype, size))
    if end > flash:
        sys.exit(f"{path}: it ends at {end:#x}, the flash at {flash:#x}")
    slots = [size for subtype, size in kinds if subtype.startswith("ota_")]
    if len(slots) < 2 or len(set(slots)) != 1 or ("ota", 2 * SECTOR) not in kinds:
        sys.exit(f"{path}: updates need two slots of the same size, and otadata of {2 * SECTOR:#x} bytes")


main()

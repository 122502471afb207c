/* All memory that the core needs: one device. `make sizes` reads its size off the object file. */
#include "camherd/device.h"

ch_device ch_all_memory;

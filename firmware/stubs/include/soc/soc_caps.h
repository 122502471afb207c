#pragma once
#include "sdkconfig.h"
#if CONFIG_IDF_TARGET_ESP32S3
#define SOC_TEMP_SENSOR_SUPPORTED 1
#endif

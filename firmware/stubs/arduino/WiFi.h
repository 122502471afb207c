#pragma once
#include "Arduino.h"
enum wl_status_t { WL_IDLE_STATUS = 0, WL_CONNECTED = 3, WL_DISCONNECTED = 6 };
enum wifi_mode_t { WIFI_MODE_NULL, WIFI_MODE_STA };
#define WIFI_STA WIFI_MODE_STA
struct WiFiStub {
  bool mode(wifi_mode_t mode);
  bool setSleep(bool enabled);
  wl_status_t begin(const char *ssid, const char *passphrase);
  wl_status_t status();
};
extern WiFiStub WiFi;
